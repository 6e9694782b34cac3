//! How large nodes are.

use super::keys::LINE;

/// How many lines of keys a leaf has.
pub(super) const LEAF_LINES: usize = if cfg!(kernel_vm_small_nodes) { 3 } else { 8 };

/// How many lines of keys an inner node has.
pub(super) const INNER_LINES: usize = if cfg!(kernel_vm_small_nodes) { 1 } else { 4 };

/// How many maps a leaf holds.
pub(super) const LEAF: usize = LEAF_LINES * LINE;

/// How many children an inner node holds.
pub(super) const INNER: usize = INNER_LINES * LINE;

/// How many spare nodes stay when the tree shrinks; what goes beyond goes back to the heap.
pub(super) const KEPT: usize = if cfg!(kernel_vm_small_nodes) { 0 } else { 4 };
