//! A node of either kind.

use super::inner::Inner;
use super::leaf::Leaf;
use super::owned::Owned;
use super::size::{INNER, LEAF};
use super::summary::{Summarize, Summary};

/// How many more children an inner node must have room for before an edit below it.
const INNER_ROOM: usize = 2;

/// Memory for a piece of the tree. Kernels without a heap hand over some of it; how it is used is the tree's own.
pub struct Node<T: 'static = ()>(pub(super) NodeKind<T>);

/// The tag stands by itself, so that a lookup needs one comparison to know it.
#[repr(u8)]
#[expect(
    clippy::large_enum_variant,
    reason = "a spare node's memory is for a leaf or an inner node"
)]
pub(super) enum NodeKind<T: 'static> {
    /// Not in the tree: the next such node.
    Spare(Option<Owned<Node<T>>>),
    Leaf(Leaf<T>),
    Inner(Inner<Node<T>>),
}

/// How sparse a node may be, as a part of its capacity, before it is joined with a neighbour.
const SPARSE: usize = 4;

impl<T> Node<T> {
    /// A node that is not in use.
    #[must_use]
    pub const fn new() -> Self {
        Self(NodeKind::Spare(None))
    }

    pub(super) fn low(&self) -> usize {
        self.summary().low
    }

    pub(super) fn high(&self) -> usize {
        self.summary().high
    }

    #[inline]
    pub(super) fn count(&self) -> usize {
        match &self.0 {
            NodeKind::Leaf(leaf) => leaf.len(),
            NodeKind::Inner(inner) => inner.count(),
            NodeKind::Spare(_) => 0,
        }
    }

    #[inline]
    pub(super) fn max_gap(&self) -> usize {
        self.summary().max_gap
    }

    /// How many maps or children it has.
    pub(super) fn len(&self) -> usize {
        match &self.0 {
            NodeKind::Leaf(leaf) => leaf.len(),
            NodeKind::Inner(inner) => inner.len(),
            NodeKind::Spare(_) => 0,
        }
    }

    pub(super) const fn capacity(&self) -> usize {
        match &self.0 {
            NodeKind::Leaf(_) => LEAF,
            NodeKind::Inner(_) => INNER,
            NodeKind::Spare(_) => 0,
        }
    }

    /// Whether it has no room for this many maps more, or below it for the splits of an edit.
    pub(super) fn is_tight(&self, growth: usize) -> bool {
        match &self.0 {
            NodeKind::Leaf(leaf) => !leaf.has_room_for(growth),
            NodeKind::Inner(inner) => inner.len() + INNER_ROOM > INNER,
            NodeKind::Spare(_) => false,
        }
    }

    /// Where `addr` stands or would stand in it.
    pub(super) fn position_for(&self, addr: usize) -> usize {
        match &self.0 {
            NodeKind::Leaf(leaf) => leaf.lower_bound(addr),
            NodeKind::Inner(inner) => inner.position_for(addr),
            NodeKind::Spare(_) => 0,
        }
    }

    /// Moves what it has from `at` on to the front of `right`, a node of the same kind with room, or a spare one.
    pub(super) fn split_into(&mut self, at: usize, right: &mut Self) {
        if matches!(right.0, NodeKind::Spare(_)) {
            right.0 = match self.0 {
                NodeKind::Leaf(_) => NodeKind::Leaf(Leaf::new()),
                _ => NodeKind::Inner(Inner::new()),
            };
        }
        match (&mut self.0, &mut right.0) {
            (NodeKind::Leaf(left), NodeKind::Leaf(right)) => left.move_tail(at, right),
            (NodeKind::Inner(left), NodeKind::Inner(right)) => left.move_tail(at, right),
            _ => {}
        }
    }

    /// Moves all it has to the end of `left`, a node of the same kind with room.
    pub(super) fn merge_into(&mut self, left: &mut Self) {
        match (&mut self.0, &mut left.0) {
            (NodeKind::Leaf(right), NodeKind::Leaf(left)) => right.move_head(LEAF, left),
            (NodeKind::Inner(right), NodeKind::Inner(left)) => right.merge_into(left),
            _ => {}
        }
    }
}

impl<T> Summarize for Node<T> {
    #[inline]
    fn summary(&self) -> Summary {
        match &self.0 {
            NodeKind::Leaf(leaf) => Summary {
                low: leaf.low(),
                high: leaf.high(),
                count: leaf.len(),
                max_gap: leaf.max_gap(),
                is_sparse: leaf.len() * SPARSE <= LEAF,
            },
            NodeKind::Inner(inner) => Summary {
                low: inner.low(),
                high: inner.high(),
                count: inner.count(),
                max_gap: inner.max_gap(),
                is_sparse: inner.len() * SPARSE <= INNER,
            },
            NodeKind::Spare(_) => Summary {
                low: usize::MAX,
                high: usize::MAX,
                count: 0,
                max_gap: 0,
                is_sparse: false,
            },
        }
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> core::fmt::Debug for Node<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Node")
            .field("maps", &self.count())
            .finish_non_exhaustive()
    }
}
