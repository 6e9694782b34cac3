//! Who owns a node's memory.

use core::ops::{Deref, DerefMut};

use super::node::Node;

/// A node, from the heap or from the kernel's own fixed nodes.
pub(super) enum NodeRef<T: 'static> {
    #[cfg(feature = "alloc")]
    Heap(alloc::boxed::Box<[Node<T>; 1]>),
    Fixed(&'static mut Node<T>),
}

impl<T> Deref for NodeRef<T> {
    type Target = Node<T>;

    #[inline]
    fn deref(&self) -> &Node<T> {
        match self {
            #[cfg(feature = "alloc")]
            Self::Heap(node) => {
                let [node] = &**node;
                node
            }
            Self::Fixed(node) => node,
        }
    }
}

impl<T> DerefMut for NodeRef<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Node<T> {
        match self {
            #[cfg(feature = "alloc")]
            Self::Heap(node) => {
                let [node] = &mut **node;
                node
            }
            Self::Fixed(node) => node,
        }
    }
}

impl<T> NodeRef<T> {
    /// Whether the memory must not be lost: it never goes back to a heap.
    pub(super) const fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }
}
