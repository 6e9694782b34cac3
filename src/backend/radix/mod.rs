//! Page tables as a radix tree of 512-entry tables, for any format of such entries.
//!
//! What is the tree's is here; what is a format's (bits, levels, which addresses are canonical) is behind [`Format`],
//! one file a format.

mod audit;
mod count;
mod format;
mod map;
mod protect;
mod query;
mod reap;
mod reserve;
mod reserved;
mod split;
mod table;
mod unmap;
mod walker;

pub(super) use format::sealed::Sealed;
pub use format::{Format, Word};
pub use reserved::Reserved;
pub use walker::Radix;
