//! From a word that is taken out to the frame that is given back.

pub(super) mod owed;
pub(super) mod reap;
pub(super) mod settle;
