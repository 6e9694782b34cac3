//! The facts about a subtree, of which the inner node above it keeps a copy.
//!
//! Copies make a descent cheap: a search reads one inner node at each level, and none of the children that it passes
//! by.

/// The facts about one node's subtree.
pub(super) struct Summary {
    /// The first byte of the first map; `usize::MAX` when there is none.
    pub(super) low: usize,
    /// The last byte of the last map; `usize::MAX` when there is none.
    pub(super) high: usize,
    /// How many maps the subtree has.
    pub(super) count: usize,
    /// The largest gap between two neighbouring maps, in bytes; 0 where all touch.
    pub(super) max_gap: usize,
    /// Whether the node is a quarter full or less, and should be merged with a neighbour.
    pub(super) is_sparse: bool,
}

/// A node that can sum its subtree up.
///
/// An inner node asks no more of its children: so [`Inner`](super::inner::Inner) need not know the type that it is
/// itself a part of.
pub(super) trait Summarize {
    /// The facts about the subtree. O(1).
    fn summary(&self) -> Summary;
}
