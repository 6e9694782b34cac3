//! The way from a root to an entry, and what is found there.

pub(super) mod find;
pub(super) mod leaves;
pub(super) mod ranges;
pub(super) mod table;
