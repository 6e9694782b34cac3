//! An entry of a table: its format, and how its word is read.

pub(super) mod features;
pub(super) mod format;
pub(super) mod word;
