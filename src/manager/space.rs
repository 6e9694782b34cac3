//! The address space itself.

use core::fmt;

use super::unfinished::Unfinished;
use crate::asid::Asid;
use crate::backend::PageTableBackend;
use crate::map::Payload;
use crate::tree::{Node, Tree};

/// One address space: its maps, its page table and its ASID.
///
/// Verbs that change the layout take `&mut self`; those that look, and [`populate`](Self::populate), take `&self` and
/// may run on many CPUs at once. There is no lock inside: the kernel brings the one it likes.
///
/// Dropping it removes all maps, flushes, and gives every frame of the page table back. It must not be active on any
/// CPU then. It is not `Clone`: two owners of one page table would free it twice.
///
/// ```compile_fail,E0599
/// # use kernel_vm::VirtualMemoryManager;
/// # use kernel_vm::backend::mock::MockBackend;
/// let space = VirtualMemoryManager::<MockBackend>::new(MockBackend::new());
/// let twin = space.clone();
/// ```
///
/// # When something panics
///
/// A verb calls the platform's hooks, payloads, and whoever takes the pieces that are cut out. When one of them panics
/// and the caller of the verb catches that:
/// - maps and page table are sound, and each frame has one owner; [`check_invariants`](Self::check_invariants) agrees;
/// - the verb is done for some maps and not for others. A map that was given may be dropped; pieces that were not yet
///   handed out are dropped, or are still maps;
/// - payloads may be lost where a hook panics while a space is dropped that was made [with nodes](Self::with_nodes);
/// - lost are a reservation that was under way, a frame on its way to the allocator with the tables below it, and owned
///   pages that were on the move ([`Radix`](crate::backend::radix::Radix) lists them). Nothing is given back before its
///   flush is acknowledged: the next verb flushes all that was not;
/// - where permissions were changing, or memory moved, entries may disagree with the maps. The next verb that changes
///   the layout empties those first, and [`populate`](Self::populate) is refused there until then
///   ([`MapError::Unfinished`](crate::MapError::Unfinished)).
///
/// `B` is the page table; `T` what the kernel keeps with each map.
pub struct VirtualMemoryManager<B: PageTableBackend, T: Payload = ()> {
    pub(super) backend: B,
    pub(super) tree: Tree<T>,
    pub(super) asid: Asid,
    pub(super) unfinished: Unfinished,
}

impl<B: PageTableBackend> VirtualMemoryManager<B> {
    /// An empty space over `backend`, for maps without payload, with ASID 0. O(1), allocates nothing, cannot fail.
    #[must_use]
    pub const fn new(backend: B) -> Self {
        Self::for_payload(backend)
    }
}

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// An empty space over `backend` whose maps carry a payload each. O(1), allocates nothing, cannot fail.
    #[must_use]
    pub const fn for_payload(backend: B) -> Self {
        Self {
            backend,
            tree: Tree::new(),
            asid: Asid::new(0),
            unfinished: Unfinished::Nothing,
        }
    }

    /// An empty space over `backend` that keeps its maps in `nodes` and nowhere else: for early boot, when the heap
    /// itself must still be mapped. One node holds up to 62 maps, two hold no more (a second leaf wants a node above
    /// both), and many hold about 45 each; the nodes are the space's for good. O(nodes), cannot fail.
    ///
    /// Running out is [`OutOfNodes`](crate::MapError::OutOfNodes). A verb that ends with no more maps than before needs no node,
    /// however full they are: unmapping never fails for want of one, unless it cuts a hole into a map. These may be refused
    /// although they would end so: [`restore_memory_maps`](Self::restore_memory_maps), whose maps wait in nodes of their
    /// own; a replacement that joins the rest of the map that it is cut into; a move, where the maps take more than one
    /// node; and a change of permissions that cuts a map in one node, where maps join in another.
    ///
    /// ```
    /// use kernel_vm::backend::sv39::Sv39;
    /// use kernel_vm::{FrameAllocator, MapError, Node, Tlb, VirtualMemoryManager};
    ///
    /// /// A kernel has the nodes in a `static`.
    /// fn boot(platform: impl FrameAllocator + Tlb, nodes: &'static mut [Node]) -> Result<(), MapError> {
    ///     let mut space = VirtualMemoryManager::<Sv39<_>>::with_nodes(Sv39::new(platform)?, nodes);
    /// #   let _ = &mut space;
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn with_nodes(backend: B, nodes: &'static mut [Node<T>]) -> Self {
        Self {
            backend,
            tree: Tree::fixed(nodes),
            asid: Asid::new(0),
            unfinished: Unfinished::Nothing,
        }
    }

    /// Lets a space that was made [with nodes](Self::with_nodes) of its own go on growing on the heap, now that there
    /// is one. O(1).
    #[cfg(feature = "alloc")]
    pub const fn allow_heap(&mut self) {
        self.tree.grow();
    }
}

impl<B: PageTableBackend, T: Payload> Drop for VirtualMemoryManager<B, T> {
    fn drop(&mut self) {
        drop(self.remove_all_memory_maps());
    }
}

impl<B: PageTableBackend, T: Payload> fmt::Debug for VirtualMemoryManager<B, T> {
    /// Root and ASID; `Display` prints the maps.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualMemoryManager")
            .field("root", &self.backend.root())
            .field("asid", &self.asid)
            .finish_non_exhaustive()
    }
}
