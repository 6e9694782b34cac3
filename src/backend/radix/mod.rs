//! Page tables as a radix tree of 512-entry tables, for any format of such entries.
//!
//! What is the tree's is here; what is a format's (bits, levels, which addresses are canonical) is behind [`Format`],
//! one file a format.

mod absent;
mod audit;
mod count;
mod edit;
mod exchange;
mod features;
mod fill;
mod format;
mod halves;
mod harvest;
mod install;
mod leaves;
mod map;
mod mapping;
mod page;
mod page_table;
mod protect;
mod query;
mod ranges;
mod reap;
mod reserve;
mod reserved;
mod rewrite;
mod shift;
mod split;
mod table;
mod unmap;
mod walker;
mod word;

pub use exchange::{Lost, Replaced};
pub use features::{AccessedDirty, Features};
pub use format::Format;
pub(super) use format::sealed::Sealed;
pub use harvest::Usage;
pub use reserved::Reserved;
pub use walker::Radix;
