//! Nodes from the heap. `no_heap.rs` stands in for this file in a crate that is built without `alloc`.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// Whether a new tree may ask the heap for nodes.
pub(super) const HAS_HEAP: bool = true;

/// A node in a heap allocation of its own.
///
/// An array of one, as a `Vec` of one node becomes it without a move; see [`allocate`].
pub(super) struct HeapNode<N>(Box<[N; 1]>);

impl<N> HeapNode<N> {
    /// The node.
    #[inline]
    pub(super) fn get(&self) -> &N {
        let [node] = &*self.0;
        node
    }

    /// The node, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self) -> &mut N {
        let [node] = &mut *self.0;
        node
    }
}

/// A node from the heap, made there by `new`; `None` when the heap has no memory.
pub(super) fn allocate<N>(new: impl FnMut() -> N) -> Option<HeapNode<N>> {
    let mut one = Vec::new();
    one.try_reserve_exact(1).ok()?;
    // In place, which a push is not: a node of large payloads may be more than a kernel stack.
    one.resize_with(1, new);
    one.into_boxed_slice().try_into().ok().map(HeapNode)
}
