//! The path from the root to a map: once it is found, no node on it needs a second search.

use super::size::{INNER, LEAF};

/// The positions on the way down to a map: a child's in each inner node, and the map's in its leaf.
///
/// ```text
/// bits  .. leaf:7 | inner:7 | root:7     the first step in the lowest bits
/// ```
///
/// A path is of use until the tree changes. Followed later, it leads to another map or to none, but does no harm.
#[derive(Clone, Copy, Default)]
pub(crate) struct Path {
    /// The positions, STEP bits each.
    bits: usize,
    /// How many steps were added; not kept by a path that is made from bits, which is only followed.
    steps: u32,
}

/// How many bits a position takes: enough for a leaf, the node with most positions. So many, in tests with small nodes,
/// that most paths are not whole.
const STEP: u32 = if cfg!(kernel_vm_small_nodes) { 20 } else { 7 };

const _: () = assert!(LEAF < 1 << STEP && INNER <= 1 << STEP);

impl Path {
    /// The path of a hint, to be followed from its first step.
    #[inline]
    pub(super) const fn from_bits(bits: usize) -> Self {
        Self { bits, steps: 0 }
    }

    /// The path as a number that a hint can keep.
    #[inline]
    pub(super) const fn bits(self) -> usize {
        self.bits
    }

    /// Adds a step to the position `at`. Steps beyond the last bit are forgotten, and a hint to such a path may miss.
    #[inline]
    pub(super) fn push(&mut self, at: usize) {
        self.bits |= at.checked_shl(self.steps * STEP).unwrap_or(0);
        self.steps += 1;
    }

    /// Whether no step that was added is forgotten. An edit follows whole paths only.
    #[inline]
    pub(super) const fn is_whole(self) -> bool {
        self.steps * STEP <= usize::BITS
    }

    /// How many nodes there are above the last one of the path.
    #[inline]
    pub(super) const fn above(self) -> u32 {
        self.steps.saturating_sub(1)
    }

    /// Takes the next step off the path, and answers its position.
    #[inline]
    pub(super) fn step(&mut self) -> usize {
        let at = self.bits & ((1 << STEP) - 1);
        self.bits >>= STEP;
        at
    }
}
