//! The path from the root to a map: once it is found, no node on it needs a second search.

/// The positions on the way down to a map: a child's in each inner node, and the map's in its leaf.
///
/// ```text
/// bits  .. leaf:6 | inner:6 | root:6     the first step in the lowest bits
/// ```
///
/// A path is of use until the tree changes. Followed later, it leads to another map or to none, but does no harm.
#[derive(Clone, Copy, Default)]
pub(crate) struct Path {
    /// The positions, six bits each.
    bits: usize,
    /// Where the next position goes; not kept by a path that is made from bits, which is only followed.
    shift: u32,
}

/// How many bits a position takes: enough for a leaf of 64 maps, the node with most positions.
const STEP: u32 = 6;

impl Path {
    /// The path of a hint, to be followed from its first step.
    #[inline]
    pub(super) const fn from_bits(bits: usize) -> Self {
        Self { bits, shift: 0 }
    }

    /// The path as a number that a hint can keep.
    #[inline]
    pub(super) const fn bits(self) -> usize {
        self.bits
    }

    /// Adds a step to the position `at`. Steps beyond the last bit are forgotten, and a hint to such a path misses.
    #[inline]
    pub(super) fn push(&mut self, at: usize) {
        self.bits |= at.checked_shl(self.shift).unwrap_or(0);
        self.shift += STEP;
    }

    /// Whether no step that was added is forgotten. An edit follows whole paths only.
    #[inline]
    pub(super) const fn is_whole(self) -> bool {
        self.shift <= usize::BITS
    }

    /// Takes the next step off the path, and answers its position.
    #[inline]
    pub(super) fn step(&mut self) -> usize {
        let at = self.bits & ((1 << STEP) - 1);
        self.bits >>= STEP;
        at
    }
}
