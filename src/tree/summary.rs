//! The facts about a subtree that the inner node above it keeps a copy of.

/// The facts about one node's subtree.
pub(super) struct Summary {
    /// The first byte of its maps.
    pub(super) low: usize,
    /// The last byte of its maps.
    pub(super) high: usize,
    /// How many maps it has.
    pub(super) count: usize,
    /// The largest gap between two of its maps, in bytes.
    pub(super) max_gap: usize,
    /// Whether it should be joined with a neighbour.
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
