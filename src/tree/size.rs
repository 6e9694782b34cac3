//! How large nodes are.

use super::keys::LINE;

/// How many lines of keys a leaf has.
pub(super) const LEAF_LINES: usize = if cfg!(kernel_vm_small_nodes) { 3 } else { 8 };

/// How many lines of keys an inner node has.
pub(super) const INNER_LINES: usize = if cfg!(kernel_vm_small_nodes) { 1 } else { 4 };

/// How many maps a leaf can hold while an edit is under way.
pub(super) const LEAF: usize = LEAF_LINES * LINE;

/// How many maps a leaf holds between edits, where there is no node to split it with: two fewer, so that an edit which
/// ends with no more maps than before may cut two of them on its way.
pub(super) const FULL: usize = LEAF - 2;

/// How many children an inner node holds.
pub(super) const INNER: usize = INNER_LINES * LINE;

/// How many spare nodes from the heap stay for later verbs; the others go back to the heap when a verb ends.
pub(super) const KEPT: usize = if cfg!(kernel_vm_small_nodes) { 0 } else { 4 };
