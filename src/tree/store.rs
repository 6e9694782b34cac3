//! The tree itself: its root and its spare nodes. Each verb on it is in a file of its own.

use super::node::{Node, NodeKind};
use super::owned::Owned;
use super::pool::Pool;

/// The maps of one space in address order.
///
/// Lookups, ranks and edits are O(log n), and edits O(1) more for each map that they touch.
///
/// An edit that may leave more maps is preceded by the `reserve_…` of its name. That one may fail, and has changed
/// nothing then; the edit itself cannot fail. [`trim`](Self::trim) ends a verb, whether it was refused or done.
pub(crate) struct Tree<T: 'static> {
    /// The topmost node; `None` when there are no maps. A root that is an inner node has two children at least.
    pub(super) root: Option<Owned<Node<T>>>,
    /// The spare nodes, of which reservations ask for more.
    pub(super) pool: Pool<T>,
}

impl<T> Tree<T> {
    /// An empty tree that grows on the heap, in a crate that has one. O(1), without an allocation.
    pub(crate) const fn new() -> Self {
        Self::with_pool(Pool::new())
    }

    /// An empty tree that keeps its maps in `nodes` and asks no heap. O(nodes).
    pub(crate) fn fixed(nodes: &'static mut [Node<T>]) -> Self {
        Self::with_pool(Pool::fixed(nodes))
    }

    /// An empty tree that grows by nodes of another tree's pool. They go back there before it is dropped.
    pub(super) const fn lent() -> Self {
        Self::with_pool(Pool::empty(false))
    }

    /// An empty tree over `pool`.
    const fn with_pool(pool: Pool<T>) -> Self {
        Self { root: None, pool }
    }

    /// Lets a tree with fixed nodes grow on the heap from now on. O(1).
    #[cfg(feature = "alloc")]
    pub(crate) const fn grow(&mut self) {
        self.pool.grows = true;
    }

    /// Whether all maps are in one leaf. O(1).
    #[inline]
    pub(super) fn is_leaf(&self) -> bool {
        matches!(self.root.as_deref(), Some(Node(NodeKind::Leaf(_))))
    }

    /// How many maps the tree has. O(1).
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.root.as_deref().map_or(0, Node::count)
    }

    /// Ends a verb, refused or done: spare nodes from the heap go back there but for KEPT. O(1) when there are none.
    #[inline]
    pub(crate) fn trim(&mut self) {
        self.pool.trim();
    }
}
