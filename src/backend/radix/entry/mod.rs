//! An entry of a table: its format, and how its word is read.
//!
//! An entry is one word of 64 bits. [`format`] says which bits mean what, one type a format; [`word`] reads a word into
//! one of five cases; [`retired`] makes the words that stay behind until a flush. Nothing here knows of tables, of
//! addresses or of other CPUs.

pub(super) mod features;
pub(super) mod format;
pub(super) mod retired;
pub(super) mod word;
