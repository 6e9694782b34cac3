//! The tree itself: its root, its memory, and the way down to a leaf.

use super::hint::Hints;
use super::node::Node;
use super::owned::Owned;
use super::pool::Pool;

/// The maps of one space in address order.
///
/// Lookups, ranks and edits are O(log n), and O(1) more for each map that is touched. An edit that may leave
/// more maps is preceded by the `reserve_…` of its name, which may fail, and then cannot fail itself.
pub(crate) struct Tree<T: 'static> {
    pub(super) root: Option<Owned<Node<T>>>,
    pub(super) pool: Pool<T>,
    pub(super) hints: Hints,
}

impl<T> Tree<T> {
    pub(crate) const fn new() -> Self {
        Self::with_pool(Pool::new())
    }

    /// A tree in these nodes and no others.
    pub(crate) fn fixed(nodes: &'static mut [Node<T>]) -> Self {
        Self::with_pool(Pool::fixed(nodes))
    }

    /// A tree that grows by nodes that are lent to it.
    pub(super) const fn lent() -> Self {
        Self::with_pool(Pool::empty(false))
    }

    const fn with_pool(pool: Pool<T>) -> Self {
        Self {
            root: None,
            pool,
            hints: Hints::new(),
        }
    }

    /// Lets the tree grow on the heap.
    #[cfg(feature = "alloc")]
    pub(crate) const fn grow(&mut self) {
        self.pool.grows = true;
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.root.as_deref().map_or(0, Node::count)
    }

    /// The end of a verb, done or refused: spare nodes that the next one is not likely to want go back to the heap.
    #[inline]
    pub(crate) fn trim(&mut self) {
        self.pool.trim();
    }
}
