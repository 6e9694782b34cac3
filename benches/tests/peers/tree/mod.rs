//! The maps of many random edits, in a store that somebody else has written.

#[path = "../../../../tests/it/tree/edits.rs"]
mod edits;
#[path = "../../../../tests/it/tree/look.rs"]
mod look;
mod ranges;
