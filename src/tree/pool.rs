//! Nodes that are not in the tree.

use super::child::NodeRef;
use super::node::{Kind, Node};
use super::size::KEPT;
use crate::error::MapError;

/// Spare nodes, linked through themselves.
pub(super) struct Pool<T: 'static> {
    first: Option<NodeRef<T>>,
    len: usize,
    /// Whether the heap may be asked for more.
    grows: bool,
}

impl<T> Pool<T> {
    /// No nodes; the heap is asked for them, where there is one.
    pub(super) const fn new() -> Self {
        Self {
            first: None,
            len: 0,
            grows: cfg!(feature = "alloc"),
        }
    }

    /// These nodes and no others.
    pub(super) fn fixed(nodes: &'static mut [Node<T>]) -> Self {
        let mut pool = Self {
            first: None,
            len: 0,
            grows: false,
        };
        nodes
            .iter_mut()
            .for_each(|node| pool.push(NodeRef::Fixed(node)));
        pool
    }

    /// Allows growth on the heap, from now on.
    #[cfg(feature = "alloc")]
    pub(super) const fn grow(&mut self) {
        self.grows = true;
    }

    /// Sees to it that there are `needed` spare nodes.
    pub(super) fn reserve(&mut self, needed: usize) -> Result<(), MapError> {
        while self.len < needed {
            let node = if self.grows { allocate() } else { None };
            self.push(node.ok_or(MapError::OutOfNodes { needed })?);
        }
        Ok(())
    }

    pub(super) fn take(&mut self) -> Option<NodeRef<T>> {
        let mut node = self.first.take()?;
        self.len -= 1;
        if let Kind::Spare(next) = &mut node.0 {
            self.first = next.take();
        }
        Some(node)
    }

    /// Takes a node back, and drops what was in it.
    pub(super) fn give(&mut self, node: NodeRef<T>) {
        if self.len < KEPT || node.is_fixed() {
            self.push(node);
        }
    }

    /// All the nodes; what is left has none, and asks for more as before.
    pub(super) fn take_all(&mut self) -> Self {
        let rest = Self {
            first: None,
            len: 0,
            grows: self.grows,
        };
        core::mem::replace(self, rest)
    }

    /// Takes over the nodes of `other`.
    pub(super) fn absorb(&mut self, mut other: Self) {
        while let Some(node) = other.take() {
            self.give(node);
        }
    }

    fn push(&mut self, mut node: NodeRef<T>) {
        node.0 = Kind::Spare(self.first.take());
        self.first = Some(node);
        self.len += 1;
    }
}

impl<T> Drop for Pool<T> {
    /// One by one: a fixed node that goes does not take along what it links to.
    fn drop(&mut self) {
        while self.take().is_some() {}
    }
}

/// A node from the heap, or `None` when it has no memory.
#[cfg(feature = "alloc")]
fn allocate<T>() -> Option<NodeRef<T>> {
    let mut one = alloc::vec::Vec::new();
    one.try_reserve_exact(1).ok()?;
    one.push(Node::new());
    one.into_boxed_slice().try_into().ok().map(NodeRef::Heap)
}

#[cfg(not(feature = "alloc"))]
const fn allocate<T>() -> Option<NodeRef<T>> {
    None
}
