//! The heap of a crate that is built without one: no node comes from it.

use core::convert::Infallible;
use core::marker::PhantomData;

/// Whether a new tree may ask the heap for nodes.
pub(super) const HAS_HEAP: bool = false;

/// A node in a heap allocation. There is none, and the compiler knows.
pub(super) struct HeapNode<N>(Infallible, PhantomData<N>);

impl<N> HeapNode<N> {
    pub(super) const fn get(&self) -> &N {
        match self.0 {}
    }

    pub(super) const fn get_mut(&mut self) -> &mut N {
        match self.0 {}
    }
}

/// Answers `None`: without a heap, a tree has the nodes that the kernel gave it.
pub(super) fn allocate<N>(_new: impl FnMut() -> N) -> Option<HeapNode<N>> {
    None
}
