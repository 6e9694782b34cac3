//! An entry of a table: its format, and how its word is read.
//!
//! An entry is one word of 64 bits. [`format`] says which bits mean what, one type a format; [`word`] reads a word into
//! one of five cases; [`retired`] makes the words that stay behind until a flush, and [`allowed`] those with other
//! permissions. [`transition`] has what is done to a word that other CPUs or the MMU may write. Nothing here knows of
//! tables, or of the way to an entry.

pub(super) mod allowed;
pub(super) mod by_permissions;
pub(super) mod features;
pub(super) mod format;
pub(super) mod retired;
pub(super) mod transition;
pub(super) mod word;
