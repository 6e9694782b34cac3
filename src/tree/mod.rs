//! The maps of one space: a B+tree of disjoint areas that knows its gaps and its ranks. It knows no page table.
//!
//! # A leaf and an inner node
//!
//! ```text
//! leaf    slots          0 .. 7   8 .. 15  |  0 .. 7   8 .. 15  |        five lines of 16 slots, some of them free
//!         pilot          0x4fff   0x8fff   |  0xefff   0xefff   |  MAX   last key of each half of a line
//!         ends           last byte of each map: a search compares the pilot, then eight of these
//!         starts         first byte of each map
//!         contents       what else is known of each map
//!         gaps               0x3000        |       0x1000       |   0    the largest gap before a map of the line
//!
//! inner   position      0        1     2 ..= 31
//!         highs      0x8fff   0xefff     MAX              last byte of each child's last map; searched as ends are
//!         lows       0x1000   0xa000     MAX              first byte of each child's first map
//!         counts          3        2       0              how many maps each child has
//!         max_gaps   0x3000   0x2000       0              the largest gap inside the child, or before it
//!         children   leaf A   leaf B       -              where each child is
//!         line_gaps  0x3000                               the largest of each eight max_gaps
//!         count           5                               the sum of counts
//! ```
//!
//! Each part serves one question:
//! - `ends` and `highs` find an address. They stand in lines of eight keys, one cache line each, and a pilot repeats
//!   the last key of each line. So a search compares the pilot, then one line, without a branch ([`keys`]).
//! - `starts` and `lows` tell whether the map found there begins early enough, and how wide the gap before it is.
//! - Free slots let an edit move few maps, or none: a map that comes takes a free slot near by ([`line`]).
//! - `counts` turn an address into a rank, and back: a rank is a position among all maps of the tree.
//! - `gaps` and `max_gaps` find free space: lines and subtrees whose largest gap is too small are passed over. The gap
//!   between two children belongs to the right one.
//!
//! A position, unlike a rank, is a place inside one node, and positions of a leaf may have no map. An inner node keeps
//! copies of facts about its children, so a descent reads no child that it does not enter. Whoever changes a child has
//! the copy made again (`Inner::refresh`).
//!
//! A tree of few maps is one leaf: it has no copies to keep, and lookups take no hint. So a leaf is wide.
//!
//! # One cut, step by step
//!
//! An unmap takes all that lies in an area out of the tree:
//! 1. [`reserve_cut`](Tree::reserve_cut) looks the area up, before anything changes. Only an area inside one map leaves
//!    one map more: that map loses its middle. If its leaf has no room, nodes are set aside for splits; this step may
//!    fail. It answers a [`Spot`].
//! 2. The caller edits its page table, and flushes. From here on nothing fails.
//! 3. [`cut`](Tree::cut) makes room, if the spot says so: it splits the leaf, and each tight node above it, from the
//!    root down, into the nodes that were set aside.
//! 4. The first leaf is edited. A map that crosses a border of the area is split, and its payload too; maps inside
//!    leave the leaf, in address order, for the caller's sink.
//! 5. On the way back up each inner node refreshes its copies. A child that has become empty goes to the pool; a sparse
//!    one is merged with a neighbour if both fill three quarters of a node at most. A root with one child makes way for
//!    it.
//! 6. Steps 4 and 5 go on with the next leaf, until the area ends.
//! 7. [`trim`](Tree::trim) gives spare nodes back to the heap.
//!
//! Steps 4 and 5 are guarded: when a payload or the sink panics, destructors do step 5 all the same.
//!
//! # Costs
//!
//! For n maps: a lookup, a rank, the map at a rank, a neighbour and a free area are O(log n). An edit is O(log n), and
//! O(1) more for each map that it touches. A step of an iterator is O(1). A node is of fixed size: shifting maps
//! of one line, or scanning its gaps, is O(1) by that measure, and at most 16 elements.
//!
//! # Where nodes come from
//!
//! Nodes that are not in the tree wait in its [`pool`]. A pool has one of three sources:
//! - the heap: [`Tree::new`], in a crate with the `alloc` feature;
//! - fixed nodes: [`Tree::fixed`] takes nodes that the kernel gives for good, before it has a heap.
//!   `Tree::grow` adds the heap later;
//! - another tree's pool: [`Tree::lent`], for maps that wait beside the tree they are meant for ([`Scratch`]).
//!
//! Edits take spare nodes and never ask a source: the reservation before them has done so.
//!
//! # Words
//!
//! - FULL: how many maps a leaf holds between edits. Its capacity is two more, LEAF, for the parts of an edit that ends
//!   with no more maps than before: such an edit needs no node, however full the leaves are.
//! - KEPT: how many spare nodes from the heap outlast a verb. Fixed nodes always stay.
//! - [`Relief`]: how a full leaf gets room. A neighbour takes some of its maps, or a split cuts it where maps that come
//!   in order want it cut.
//! - [`Spot`]: the answer of a reservation, for the edit that follows: one leaf and the path there, room
//!   everywhere, or room to be made.
//! - tight: a node that an edit would overfill. Sparse: a node a quarter full or less.
//! - join: two maps become one. Merge: two nodes become one.
//!
//! Built with `--cfg kernel_vm_small_nodes`, nodes are so small that tests with few maps have many of them.
#![forbid(unsafe_code)]

// The sizes of nodes, and the parts that they are made of.
mod keys;
mod size;
mod summary;

// Nodes, and who owns their memory.
#[cfg(feature = "alloc")]
mod heap;
#[cfg(not(feature = "alloc"))]
#[path = "no_heap.rs"]
mod heap;
mod inner;
mod leaf;
mod leaf_edit;
mod leaf_gaps;
mod leaf_lines;
mod line;
mod node;
mod owned;
mod pool;

// The tree, and the ways to look at it.
mod audit;
mod audit_node;
mod descend;
mod find_free;
mod hint;
mod iter;
mod lookup;
mod path;
mod rank;
mod store;

#[cfg(all(test, feature = "alloc", not(loom)))]
pub(crate) mod digest;
#[cfg(test)]
mod leaf_model;

// Reservations: room for an edit, before anything changes.
mod needed;
mod reserve;
mod reserve_protect;
mod room;
mod spot;

// Edits.
mod cut;
mod drop_all;
mod edit;
mod extend;
mod insert;
mod insert_leaf;
mod join;
mod merge;
mod protect;
mod scratch;
mod shift;
mod split_map;
mod waiting;

pub(crate) use drop_all::drop_all;
pub(crate) use hint::Hints;
pub use node::Node;
pub(crate) use room::Relief;
pub(crate) use scratch::Scratch;
pub(crate) use spot::Spot;
pub(crate) use store::Tree;
pub(crate) use waiting::Waiting;
