//! The sizes of nodes. Small nodes, for tests, get many of them from few maps.

use super::keys::LINE;

/// How many lines a leaf has. With five, 64 maps leave a fifth of the slots free, and need no node above.
pub(super) const LEAF_LINES: usize = if cfg!(kernel_vm_small_nodes) { 2 } else { 5 };

/// How many slots a line of a leaf has.
pub(super) const SLOTS: usize = HALVES * LINE;

/// How many lines of keys a line of a leaf has.
pub(super) const HALVES: usize = 2;

/// How many lines of keys an inner node has.
///
/// Fewer than a leaf has: a node's memory is as large as the larger of the two kinds, and most nodes are leaves.
pub(super) const INNER_LINES: usize = if cfg!(kernel_vm_small_nodes) { 1 } else { 4 };

/// How many maps a leaf can hold while an edit is under way: its capacity.
pub(super) const LEAF: usize = LEAF_LINES * SLOTS;

/// How many maps a leaf holds at most between edits: two fewer than its capacity.
///
/// An edit that ends with no more maps than before may cut two of them on its way. The two extra places take the parts,
/// so the edit needs no node, even in a full tree without a spare one.
pub(super) const FULL: usize = LEAF - 2;

/// How many children an inner node can hold.
pub(super) const INNER: usize = INNER_LINES * LINE;

/// How many spare nodes from the heap stay in the pool when a verb ends; the others go back to the heap.
///
/// A few are worth their memory: a kernel that maps and unmaps in turn would otherwise ask the heap each time.
pub(super) const KEPT: usize = if cfg!(kernel_vm_small_nodes) { 0 } else { 4 };
