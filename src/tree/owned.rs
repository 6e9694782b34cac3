//! The owner of a node's memory.

use core::ops::{Deref, DerefMut};

use super::heap::HeapNode;

/// A node and its memory, which comes from the heap or is one of the kernel's own fixed nodes.
///
/// Generic over the node, so that this file needs to know no node: nodes own nodes.
pub(super) enum Owned<N: 'static> {
    /// A node whose memory goes back to the heap when it is dropped.
    Heap(HeapNode<N>),
    /// A node that the kernel gave for good: dropping it would lose it.
    Fixed(&'static mut N),
}

impl<N> Deref for Owned<N> {
    type Target = N;

    #[inline]
    fn deref(&self) -> &N {
        match self {
            Self::Heap(node) => node.get(),
            Self::Fixed(node) => node,
        }
    }
}

impl<N> DerefMut for Owned<N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut N {
        match self {
            Self::Heap(node) => node.get_mut(),
            Self::Fixed(node) => node,
        }
    }
}

impl<N> Owned<N> {
    /// Whether the node is a fixed one, which no heap takes back.
    pub(super) const fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }
}
