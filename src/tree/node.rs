//! A node of either kind, or a spare one.
//!
//! All three share one type, so that memory that was a leaf can become an inner node. A kernel without a heap hands
//! over nodes by number, and need not know how many of them will be leaves.
//!
//! ```text
//! spare  ->  leaf     the first map of a tree; the right half of a split leaf
//! spare  ->  inner    a new root; the right half of a split inner node
//! leaf, inner  ->  spare    emptied by cuts, or merged with the node to its left
//! ```
//!
//! A node is empty when it becomes spare: maps and children have left it before.

use super::inner::Inner;
use super::leaf::Leaf;
use super::owned::Owned;
use super::size::{INNER, LEAF};
use super::summary::{Summarize, Summary};

/// How many more children an inner node must have room for before an edit below it.
const INNER_ROOM: usize = 2;

/// Memory for one node of the tree that keeps a space's maps.
///
/// A kernel without a heap hands a slice of nodes to
/// [`VirtualMemoryManager::with_nodes`](crate::VirtualMemoryManager::with_nodes), usually out of a `static`. The tree
/// decides how each is used. `T` is the payload of the maps.
pub struct Node<T: 'static = ()>(pub(super) NodeKind<T>);

/// The three uses of a node's memory. The tag has a byte of its own, so that a lookup needs one comparison to read it.
#[repr(u8)]
pub(super) enum NodeKind<T: 'static> {
    /// A node in a pool, or about to be used; it links to the next spare node of its pool.
    Spare(Option<Owned<Node<T>>>),
    /// A leaf: maps.
    Leaf(Leaf<T>),
    /// An inner node: children, all of them leaves or all of them inner nodes.
    Inner(Inner<Node<T>>),
}

/// How empty a node may become, as a part of its capacity, before it is merged with a neighbour: a quarter.
const SPARSE: usize = 4;

impl<T> Node<T> {
    /// A node that is not in use. O(1), and no allocation, so that a `static` can hold an array of them.
    #[must_use]
    pub const fn new() -> Self {
        Self(NodeKind::Spare(None))
    }

    /// The first byte of its maps.
    pub(super) fn low(&self) -> usize {
        self.summary().low
    }

    /// The last byte of its maps.
    pub(super) fn high(&self) -> usize {
        self.summary().high
    }

    /// How many maps the subtree has. O(1).
    #[inline]
    pub(super) fn count(&self) -> usize {
        match &self.0 {
            NodeKind::Leaf(leaf) => leaf.len(),
            NodeKind::Inner(inner) => inner.count(),
            NodeKind::Spare(_) => 0,
        }
    }

    /// The largest gap between two maps of the subtree, in bytes. O(1).
    #[inline]
    pub(super) fn max_gap(&self) -> usize {
        self.summary().max_gap
    }

    /// How many maps a leaf has, or how many children an inner node has.
    pub(super) fn len(&self) -> usize {
        match &self.0 {
            NodeKind::Leaf(leaf) => leaf.len(),
            NodeKind::Inner(inner) => inner.len(),
            NodeKind::Spare(_) => 0,
        }
    }

    /// How many maps or children the node can hold.
    pub(super) const fn capacity(&self) -> usize {
        match &self.0 {
            NodeKind::Leaf(_) => LEAF,
            NodeKind::Inner(_) => INNER,
            NodeKind::Spare(_) => 0,
        }
    }

    /// Whether an edit that adds `growth` maps must split the node first: a leaf without room for that many, or an
    /// inner node without room for the children that splits below it bring.
    pub(super) fn is_tight(&self, growth: usize) -> bool {
        match &self.0 {
            NodeKind::Leaf(leaf) => !leaf.has_room_for(growth),
            NodeKind::Inner(inner) => inner.len() + INNER_ROOM > INNER,
            NodeKind::Spare(_) => false,
        }
    }

    /// How many maps of a leaf, or children of an inner node, come before `addr`.
    pub(super) fn rank(&self, addr: usize) -> usize {
        match &self.0 {
            NodeKind::Leaf(leaf) => leaf.rank(leaf.lower_bound(addr)),
            NodeKind::Inner(inner) => inner.position_for(addr),
            NodeKind::Spare(_) => 0,
        }
    }

    /// Moves all maps or children but the first `kept` to the front of `right`: a node of the same kind with room, or a
    /// spare node, which becomes one of that kind.
    pub(super) fn split_into(&mut self, kept: usize, right: &mut Self) {
        // A statement each: a choice between the two would be made on the stack.
        match (&self.0, &right.0) {
            (NodeKind::Leaf(_), NodeKind::Spare(_)) => right.0 = NodeKind::Leaf(Leaf::new()),
            (NodeKind::Inner(_), NodeKind::Spare(_)) => right.0 = NodeKind::Inner(Inner::new()),
            _ => {}
        }
        match (&mut self.0, &mut right.0) {
            (NodeKind::Leaf(left), NodeKind::Leaf(right)) => left.move_tail(kept, right),
            (NodeKind::Inner(left), NodeKind::Inner(right)) => left.move_tail(kept, right),
            _ => {}
        }
    }

    /// Moves all maps or children to the end of `left`, a node of the same kind with room. The node is empty then.
    pub(super) fn merge_into(&mut self, left: &mut Self) {
        match (&mut self.0, &mut left.0) {
            (NodeKind::Leaf(right), NodeKind::Leaf(left)) => right.move_head(right.len(), left),
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
