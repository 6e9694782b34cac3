//! Nodes that are not in the tree.

use super::heap::{HAS_HEAP, allocate};
use super::node::{Node, NodeKind};
use super::owned::Owned;
use super::size::KEPT;
use crate::error::MapError;

/// Spare nodes, linked through themselves.
pub(super) struct Pool<T: 'static> {
    first: Option<Owned<Node<T>>>,
    len: usize,
    /// How many of them are from the heap.
    heap: usize,
    /// Whether the heap may be asked for more.
    pub(super) grows: bool,
}

impl<T> Pool<T> {
    /// No nodes; the heap is asked for them, where there is one.
    pub(super) const fn new() -> Self {
        Self::empty(HAS_HEAP)
    }

    /// No nodes; those of another pool at most, where the heap may not be asked.
    pub(super) const fn empty(grows: bool) -> Self {
        Self {
            first: None,
            len: 0,
            heap: 0,
            grows,
        }
    }

    /// These nodes and no others.
    pub(super) fn fixed(nodes: &'static mut [Node<T>]) -> Self {
        let mut pool = Self::empty(false);
        nodes
            .iter_mut()
            .for_each(|node| pool.give(Owned::Fixed(node)));
        pool
    }

    /// Sees to it that there are `needed` spare nodes. On failure there are as many as before.
    pub(super) fn reserve(&mut self, needed: usize) -> Result<(), MapError> {
        let before = self.len;
        while self.len < needed {
            let node = if self.grows {
                allocate(Node::new)
            } else {
                None
            };
            let Some(node) = node else {
                while self.len > before {
                    self.take();
                }
                return Err(MapError::OutOfNodes { needed });
            };
            self.give(Owned::Heap(node));
        }
        Ok(())
    }

    /// Sees to it that there are `needed` spare nodes, with nodes of `home`.
    pub(super) fn borrow(&mut self, needed: usize, home: &mut Self) -> Result<(), MapError> {
        let missing = needed.saturating_sub(self.len);
        home.reserve(missing)
            .map_err(|_| MapError::OutOfNodes { needed })?;
        for _ in 0..missing {
            home.take().into_iter().for_each(|node| self.give(node));
        }
        Ok(())
    }

    /// A spare node; the one that came last.
    pub(super) fn take(&mut self) -> Option<Owned<Node<T>>> {
        let mut node = self.first.take()?;
        self.len -= 1;
        self.heap -= usize::from(!node.is_fixed());
        if let NodeKind::Spare(next) = &mut node.0 {
            self.first = next.take();
        }
        Some(node)
    }

    /// Takes a node that has nothing in it. It stays until the verb ends, which may want it.
    pub(super) fn give(&mut self, mut node: Owned<Node<T>>) {
        self.len += 1;
        self.heap += usize::from(!node.is_fixed());
        node.0 = NodeKind::Spare(self.first.take());
        self.first = Some(node);
    }

    /// The end of a verb: what the next one is not likely to want goes back to the heap. O(1) when that is nothing.
    #[inline]
    pub(super) fn trim(&mut self) {
        if self.heap > KEPT {
            self.trim_some();
        }
    }

    #[cold]
    fn trim_some(&mut self) {
        let mut all = core::mem::replace(self, Self::empty(self.grows));
        while let Some(node) = all.take() {
            if node.is_fixed() || self.heap < KEPT {
                self.give(node);
            }
        }
    }

    /// Takes over the nodes of `other`.
    pub(super) fn absorb(&mut self, other: &mut Self) {
        while let Some(node) = other.take() {
            self.give(node);
        }
    }
}

impl<T> Drop for Pool<T> {
    /// One by one: a fixed node that goes does not take along what it links to.
    fn drop(&mut self) {
        while self.take().is_some() {}
    }
}
