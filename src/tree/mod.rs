//! Ordered, disjoint maps: a B+tree that knows its gaps and its ranks. It knows nothing of page tables.
//!
//! A leaf keeps up to 64 maps, their ends apart from the rest, so that a search reads two cache lines of keys and
//! compares without branches. An inner node keeps, for each child, the span that its maps cover, how many there are,
//! and the largest gap at or before it.
//!
//! Built with `--cfg kernel_vm_small_nodes`, nodes are so small that tests with few maps have many of them.
#![forbid(unsafe_code)]

mod audit;
mod cut;
mod descend;
mod drop_all;
mod edit;
mod find_free;
#[cfg(feature = "alloc")]
mod heap;
#[cfg(not(feature = "alloc"))]
#[path = "no_heap.rs"]
mod heap;
mod hint;
mod inner;
mod insert;
mod insert_leaf;
mod iter;
mod join;
mod keys;
mod leaf;
mod lookup;
mod max_gap;
mod merge;
mod needed;
mod node;
mod owned;
mod path;
mod pool;
mod protect;
mod rank;
mod reserve;
mod reserve_protect;
mod room;
mod scratch;
mod shift;
mod size;
mod split_map;
mod spot;
mod store;
mod summary;

pub(crate) use drop_all::drop_all;
pub use node::Node;
pub(crate) use room::Relief;
pub(crate) use scratch::Scratch;
pub(crate) use spot::Spot;
pub(crate) use store::Tree;
