//! Nodes that are not in the tree, and the source of further ones.
//!
//! Spare nodes are linked through their own memory, so a pool of any length takes no more. Reservations fill the pool,
//! which may fail; edits take from it and give back to it, which cannot.

use super::heap::{HAS_HEAP, allocate};
use super::node::{Node, NodeKind};
use super::owned::Owned;
use super::size::KEPT;
use crate::error::MapError;

/// A list of spare nodes, the last that came being the first that goes.
pub(super) struct Pool<T: 'static> {
    /// The head of the list.
    first: Option<Owned<Node<T>>>,
    /// How many nodes the list has.
    len: usize,
    /// How many of those are from the heap: [`trim`](Self::trim) compares this number with KEPT.
    heap: usize,
    /// Whether the heap may be asked for more.
    pub(super) grows: bool,
}

impl<T> Pool<T> {
    /// An empty pool that asks the heap for nodes, in a crate that has one.
    pub(super) const fn new() -> Self {
        Self::empty(HAS_HEAP)
    }

    /// An empty pool that asks the heap if it `grows`. If not, it has only the nodes that are given to it.
    pub(super) const fn empty(grows: bool) -> Self {
        Self {
            first: None,
            len: 0,
            heap: 0,
            grows,
        }
    }

    /// A pool of fixed nodes that asks no heap. O(nodes).
    pub(super) fn fixed(nodes: &'static mut [Node<T>]) -> Self {
        let mut pool = Self::empty(false);
        nodes
            .iter_mut()
            .for_each(|node| pool.give(Owned::Fixed(node)));
        pool
    }

    /// How many nodes there are.
    #[cfg(all(test, feature = "alloc", not(loom)))]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Fills the pool up to `needed` spare nodes. O(nodes that are missing).
    ///
    /// # Errors
    /// [`MapError::OutOfNodes`] when no source has them; the pool has as many nodes as before then.
    pub(super) fn reserve(&mut self, needed: usize) -> Result<(), MapError> {
        let before = self.len;
        while self.len < needed {
            let node = if self.grows {
                allocate(Node::new)
            } else {
                None
            };
            // All or nothing: a refused verb leaves no more nodes behind than it found.
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

    /// Fills the pool up to `needed` spare nodes with nodes of `home`. O(nodes that are missing).
    ///
    /// # Errors
    /// [`MapError::OutOfNodes`] when `home` cannot have that many; no node has moved then.
    pub(super) fn borrow(&mut self, needed: usize, home: &mut Self) -> Result<(), MapError> {
        let missing = needed.saturating_sub(self.len);
        home.reserve(missing)
            .map_err(|_| MapError::OutOfNodes { needed })?;
        for _ in 0..missing {
            home.take().into_iter().for_each(|node| self.give(node));
        }
        Ok(())
    }

    /// Takes a spare node out, the one that came last. It links to no other node then. O(1).
    pub(super) fn take(&mut self) -> Option<Owned<Node<T>>> {
        let mut node = self.first.take()?;
        self.len -= 1;
        self.heap -= usize::from(!node.is_fixed());
        if let NodeKind::Spare(next) = &mut node.0 {
            self.first = next.take();
        }
        Some(node)
    }

    /// Adds an empty node. It stays until the verb ends, which may still want it. O(1).
    pub(super) fn give(&mut self, mut node: Owned<Node<T>>) {
        self.len += 1;
        self.heap += usize::from(!node.is_fixed());
        node.0 = NodeKind::Spare(self.first.take());
        self.first = Some(node);
    }

    /// Gives heap nodes beyond KEPT back, at the end of a verb. O(1) when there are none, otherwise O(spare nodes).
    #[inline]
    pub(super) fn trim(&mut self) {
        if self.heap > KEPT {
            self.trim_some();
        }
    }

    /// Rebuilds the list without the heap nodes beyond KEPT. Fixed nodes stay: no heap would take them.
    #[cold]
    fn trim_some(&mut self) {
        let mut all = core::mem::replace(self, Self::empty(self.grows));
        while let Some(node) = all.take() {
            if node.is_fixed() || self.heap < KEPT {
                self.give(node);
            }
        }
    }

    /// Takes over all nodes of `other`. O(nodes of `other`).
    pub(super) fn absorb(&mut self, other: &mut Self) {
        while let Some(node) = other.take() {
            self.give(node);
        }
    }
}

impl<T> Drop for Pool<T> {
    /// Drops the nodes one by one. Dropping the head alone would drop the list by recursion, and a fixed node does not
    /// drop the node that it links to.
    fn drop(&mut self) {
        while self.take().is_some() {}
    }
}
