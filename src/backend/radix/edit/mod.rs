//! The edits, one verb each.

pub(super) mod at_once;
pub(super) mod exchange;
pub(super) mod fill;
pub(super) mod harvest;
pub(super) mod install;
pub(super) mod map;
pub(super) mod map_edit;
pub(super) mod one_page;
pub(super) mod protect;
pub(super) mod rewrite;
pub(super) mod shift;
pub(super) mod split;
pub(super) mod unmap;
