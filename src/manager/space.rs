//! The address space itself.

use core::fmt;

use super::deferred::Deferred;
use super::unfinished::Unfinished;
use crate::asid::Asid;
use crate::backend::PageTableBackend;
use crate::map::Payload;
use crate::tree::{Hints, Node, Tree};

/// One address space: its maps, its page table and its ASID.
///
/// `B` is the page table, `T` the payload that the kernel keeps with each map.
///
/// ```
/// use kernel_vm::backend::mock::MockBackend;
/// use kernel_vm::{Access, MemoryArea, Permissions, PhysAddr, VirtAddr};
/// use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};
///
/// let mut space = VirtualMemoryManager::new(MockBackend::new());
/// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
/// let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
/// space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
/// space.populate(area)?;
/// let page = MemoryArea::from_start_size(VirtAddr::new(0x2000), 0x1000)?;
/// space.unmap(page)?; // one map becomes two; no CPU reaches the page any more
/// assert_eq!(space.memory_maps().count(), 2);
/// assert!(space.backend().access(0, page.start(), Access::Read).is_err());
/// # Ok::<(), kernel_vm::MapError>(())
/// ```
///
/// Verbs that change the layout take `&mut self`. Verbs that look, and [`populate`](Self::populate), take `&self` and
/// may run on many CPUs at once. There is no lock inside: the kernel brings the one it likes. [Deferred](Self::settle)
/// verbs need it for writing only until the page table is edited, and flush while others read.
///
/// Dropping a space removes all maps, flushes, and gives every frame of the page table back. It must not be active on
/// any CPU then. It is not `Clone`: two owners of one page table would free it twice.
///
/// ```compile_fail,E0599
/// # use kernel_vm::VirtualMemoryManager;
/// # use kernel_vm::backend::mock::MockBackend;
/// let space = VirtualMemoryManager::<MockBackend>::new(MockBackend::new());
/// let twin = space.clone();
/// ```
///
/// # Guarantees
///
/// n is the number of maps; *touched* are the maps, leaves and tables that lie in the area. Every error leaves maps,
/// page table and allocator as they were, and the map that a verb was given comes back with it. No verb panics,
/// whatever it is given.
///
/// | verb | cost | can fail |
/// |---|---|---|
/// | [`new`], [`for_payload`], [`allow_heap`] | O(1) | no |
/// | [`with_nodes`] | O(nodes) | no |
/// | [`add_memory_map`] | O(log n) | misaligned, out of range, write without read, memory type, overlap; out of nodes |
/// | [`replace_memory_map`] | as [`unmap`] | as [`add_memory_map`], overlaps aside; out of frames |
/// | [`restore_memory_maps`] | up to twice k times [`add_memory_map`] | as [`add_memory_map`]: all or none |
/// | [`unmap`] | O(log n + touched) | misaligned, out of range; out of nodes, out of frames |
/// | [`remove_memory_map`] | O(log n + touched) | no: `None` past the last |
/// | [`remove_all_memory_maps`] | O(tables), O(log n) a map taken | no; allocates nothing |
/// | [`protect`] | as [`unmap`] | as [`unmap`]; not mapped; unknown permissions, write without read |
/// | [`restrict`] | as [`protect`] | as [`unmap`]; write without read |
/// | [`remap`] | as [`unmap`] | as [`unmap`]; not mapped; cannot grow; moves onto itself |
/// | [`unmap_deferred`], [`protect_deferred`] | as the verb, without its flush | as the verb; out of nodes |
/// | [`settle`] | O(tables in the areas that wait + frames), one flush | another CPU is at it |
/// | [`unmap_into`], [`replace_memory_map_into`], [`remap_into`] | as the verb | as the verb |
/// | [`populate`], [`populate_all`] | O(log n + touched) | misaligned, out of range; out of frames; unfinished, after a panic |
/// | [`map`] | as [`add_memory_map`] and [`populate`] | as both: all or nothing |
/// | [`handle_fault`] | O(log n + levels), O(page) to clear or copy | not mapped, denied; out of frames |
/// | [`supply`] | O(levels), O(page) to copy | stale ticket; another CPU was first; out of frames, foreign frame |
/// | [`supply_around`] | O(levels) a page | as [`supply`] |
/// | [`prefault`], [`read`], [`read_until`], [`write`], [`zero`], [`chunks`] | O(log n + levels) a page, O(bytes) | says how far it came |
/// | [`pin`] | O(log n + levels) | the page is not there; references are not counted |
/// | [`discard`] | O(touched) | misaligned, out of range; out of frames |
/// | [`resident`] | O(resident) | no |
/// | [`harvest`], [`clean`], [`evict`] | O(log n + touched) | misaligned, out of range |
/// | [`fork_into`] | O(n log n + resident) | child not empty, or of another allocator; out of nodes, out of frames |
/// | [`find_free_area`], [`find_free`], [`find_free_from`] | O(log n), see below | no: `None` |
/// | [`holes`] | O(log n), O(1) a map | no |
/// | [`largest_hole`] | O(log n × log size) | no: `None` |
/// | [`is_free`] | O(log n) | no: `false` |
/// | [`get_memory_map`], [`search_memory_map`], [`search_memory_map_idx`] | O(log n) | no: `None` |
/// | [`translate_vaddr`] | O(log n) | no: `None` |
/// | [`memory_maps`], [`memory_maps_in`], [`Display`](fmt::Display) | O(log n), O(1) a map | no |
/// | [`check_invariants`] | O(n + leaves × log n) | a [`Violation`](crate::Violation): a bug of ours |
/// | [`root_page_table`], [`backend`], [`asid`], [`set_asid`] | O(1) | no |
///
/// - A verb that finds a hole where a map must be names the first.
/// - A search for more than page alignment also looks at each gap that is large enough but lies wrongly.
/// - A verb that ends with no more maps than before needs no node, but for five that [`with_nodes`] names.
/// - The pieces that a verb cuts out are dropped; its sister in `_into` hands them to the caller, after the flush.
/// - A verb flushes once, and only when a valid entry has changed; it waits before any frame or payload goes back. One
///   flushes twice: [`remap`] onto pages whose frames the page table owns, as those must be gone first. Where
///   the format [breaks before it makes](crate::backend::radix::Format::BREAK_BEFORE_MAKE), each large leaf that is
///   split costs one more.
/// - What deferred verbs have left is the space's own. All other verbs that take `&mut self` settle first, but for
///   [`set_fault_around`](Self::set_fault_around) and [`allow_heap`]: by a flush before their own. So do [`populate`],
///   [`prefault`], and a fault where something waits.
/// - [`translate_vaddr`] and [`search_memory_map`] never disagree: maps do not overlap.
/// - Maps that have become one are joined: adjacent, physically contiguous, with the same permissions, sharing and
///   memory type, and with payloads that join.
/// - Page tables hold leaves of 4 KiB, 2 MiB and, where the format has them, 1 GiB as alignment allows, split when a
///   part is unmapped or protected. A table without entries goes back to the allocator. A map that is not populated
///   costs no table.
///
/// [`new`]: VirtualMemoryManager::new
/// [`for_payload`]: Self::for_payload
/// [`with_nodes`]: Self::with_nodes
/// [`allow_heap`]: #method.allow_heap
/// [`add_memory_map`]: Self::add_memory_map
/// [`replace_memory_map`]: Self::replace_memory_map
/// [`replace_memory_map_into`]: Self::replace_memory_map_into
/// [`restore_memory_maps`]: Self::restore_memory_maps
/// [`unmap`]: Self::unmap
/// [`unmap_into`]: Self::unmap_into
/// [`remove_memory_map`]: Self::remove_memory_map
/// [`remove_all_memory_maps`]: Self::remove_all_memory_maps
/// [`protect`]: Self::protect
/// [`restrict`]: Self::restrict
/// [`unmap_deferred`]: Self::unmap_deferred
/// [`protect_deferred`]: Self::protect_deferred
/// [`settle`]: Self::settle
/// [`remap`]: Self::remap
/// [`remap_into`]: Self::remap_into
/// [`populate`]: Self::populate
/// [`populate_all`]: Self::populate_all
/// [`map`]: Self::map
/// [`handle_fault`]: Self::handle_fault
/// [`supply`]: Self::supply
/// [`supply_around`]: Self::supply_around
/// [`prefault`]: Self::prefault
/// [`read`]: Self::read
/// [`read_until`]: Self::read_until
/// [`write`]: Self::write
/// [`zero`]: Self::zero
/// [`chunks`]: Self::chunks
/// [`pin`]: Self::pin
/// [`discard`]: Self::discard
/// [`resident`]: Self::resident
/// [`clean`]: Self::clean
/// [`harvest`]: Self::harvest
/// [`evict`]: Self::evict
/// [`fork_into`]: Self::fork_into
/// [`find_free_area`]: Self::find_free_area
/// [`find_free`]: Self::find_free
/// [`find_free_from`]: Self::find_free_from
/// [`holes`]: Self::holes
/// [`largest_hole`]: Self::largest_hole
/// [`is_free`]: Self::is_free
/// [`get_memory_map`]: Self::get_memory_map
/// [`search_memory_map`]: Self::search_memory_map
/// [`search_memory_map_idx`]: Self::search_memory_map_idx
/// [`translate_vaddr`]: Self::translate_vaddr
/// [`memory_maps`]: Self::memory_maps
/// [`memory_maps_in`]: Self::memory_maps_in
/// [`check_invariants`]: Self::check_invariants
/// [`root_page_table`]: Self::root_page_table
/// [`backend`]: Self::backend
/// [`asid`]: Self::asid
/// [`set_asid`]: Self::set_asid
///
/// # When something panics
///
/// A verb calls the platform's hooks, payloads, and the collection that takes the pieces that are cut out. When one of
/// them panics and the caller of the verb catches that:
/// - maps and page table are sound, and each frame has one owner; [`check_invariants`](Self::check_invariants) agrees;
/// - the verb is done for some maps and not for others. A map that was given may be dropped; pieces that were not yet
///   handed out are dropped, or are still maps;
/// - payloads may be lost where a hook panics while a space is dropped that was made [with nodes](Self::with_nodes);
/// - a reservation that was under way is lost, and so is a frame on its way to the allocator, with the tables below it;
/// - owned pages that were on the move are lost ([`Radix`](crate::backend::radix::Radix) lists them);
/// - nothing is given back before its flush is acknowledged: the next verb makes up for every flush that is missing;
/// - where permissions were changing, or memory moved, entries may disagree with the maps. The next verb that changes
///   the layout puts that right first: pages that the space owns keep their data where permissions were changing, and
///   other entries are emptied. [`populate`](Self::populate) and faults are refused there until then
///   ([`MapError::Unfinished`](crate::MapError::Unfinished)).
pub struct VirtualMemoryManager<B: PageTableBackend, T: Payload = ()> {
    /// The page table. Of physical memory it is a cache of the maps, which can be made again from them; of other memory
    /// it has the one reference to each frame.
    pub(super) backend: B,
    /// The maps: ordered, disjoint, and joined where they can be.
    pub(super) tree: Tree<T>,
    /// Where lookups were answered last. Edits leave them alone, and lookups check them.
    pub(super) hints: Hints,
    /// The ASID that flushes name.
    pub(super) asid: Asid,
    /// Work that a verb has left behind when a panic ended it.
    pub(super) unfinished: Unfinished,
    /// What deferred verbs have left to be settled. Below the page table, so that a payload is dropped behind it.
    pub(super) deferred: Deferred<T>,
    /// How many edits of entries there were: tickets of before are stale. It never comes round.
    pub(super) epoch: u64,
    /// How many bytes of physical memory a fault maps.
    pub(super) fault_around: usize,
}

impl<B: PageTableBackend> VirtualMemoryManager<B> {
    /// An empty space over `backend`, for maps without payload, with ASID 0.
    ///
    /// O(1), allocates nothing, cannot fail. With the `alloc` feature the maps live on the heap; without it, such
    /// a space has no node, and refuses every map with [`MapError::OutOfNodes`](crate::MapError::OutOfNodes).
    ///
    /// ```
    /// use kernel_vm::VirtualMemoryManager;
    /// use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
    ///
    /// let space = VirtualMemoryManager::new(Sv39::new(HostFrames::new(1))?);
    /// assert_eq!(space.memory_maps().len(), 0);
    /// # Ok::<(), kernel_vm::MapError>(())
    /// ```
    #[must_use]
    pub const fn new(backend: B) -> Self {
        Self::for_payload(backend)
    }
}

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// An empty space over `backend` whose maps carry a payload each, with ASID 0.
    ///
    /// O(1), allocates nothing, cannot fail. Memory for maps is as with [`new`](VirtualMemoryManager::new).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::NoPageTable, *};
    /// /// The file that a map shows, and the offset in it.
    /// struct File(u32, usize);
    ///
    /// impl Payload for File {
    ///     fn split_at(&mut self, offset: usize) -> Self {
    ///         Self(self.0, self.1 + offset)
    ///     }
    ///
    ///     fn can_join(&self, len: usize, right: &Self) -> bool {
    ///         self.0 == right.0 && self.1 + len == right.1
    ///     }
    /// }
    ///
    /// let mut space = VirtualMemoryManager::for_payload(NoPageTable::new());
    /// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// let map = VirtualMemoryMap::new(area, memory, Permissions::READ, true)?;
    /// space.add_memory_map(map.with_payload(File(7, 0x5000)))?;
    /// space.unmap(MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x1000)?)?;
    /// let rest = space.get_memory_map(0).map(MapRef::payload);
    /// assert!(matches!(rest, Some(File(7, 0x6000))));
    /// # Ok::<(), MapError>(())
    /// ```
    #[must_use]
    pub const fn for_payload(backend: B) -> Self {
        Self {
            backend,
            tree: Tree::new(),
            hints: Hints::new(),
            asid: Asid::new(0),
            unfinished: Unfinished::Nothing,
            deferred: Deferred::new(),
            epoch: 0,
            fault_around: B::PAGE_SIZE,
        }
    }

    /// An empty space over `backend` that keeps its maps in `nodes` and nowhere else, with ASID 0.
    ///
    /// It is for early boot, when the heap itself must still be mapped. O(nodes), cannot fail; the nodes are the
    /// space's for good.
    ///
    /// One node holds up to 78 maps. Two nodes hold no more: maps in two nodes need a third node above them. From three
    /// nodes on, one is above the others. Each of the others holds 77 maps where maps are added in address order, and
    /// about 58 where they come in random order.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::NoPageTable, *};
    /// let nodes = Box::leak(Box::new([const { Node::new() }])); // a kernel has them in a `static`
    /// let mut space = VirtualMemoryManager::with_nodes(NoPageTable::new(), nodes);
    /// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// assert_eq!(space.memory_maps().len(), 1);
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Running out
    ///
    /// A verb that finds too few nodes answers [`MapError::OutOfNodes`](crate::MapError::OutOfNodes). A verb that ends
    /// with no more maps than before needs no node, however full they are: unmapping never fails for want of one,
    /// unless it cuts a hole into a map. Five may be refused although they would end so:
    /// - [`restore_memory_maps`](Self::restore_memory_maps), whose maps wait in nodes of their own;
    /// - a replacement that joins the rest of the map that it is cut into;
    /// - a move, where the maps take more than one node;
    /// - a change of permissions that cuts a map in one node, where maps join in another;
    /// - [`unmap_deferred`](Self::unmap_deferred), where payloads have a destructor: what it cuts out waits in nodes.
    ///
    /// # Growing on the heap
    ///
    /// With the `alloc` feature, `allow_heap` lets the space go on growing on the heap once there is one.
    #[must_use]
    pub fn with_nodes(backend: B, nodes: &'static mut [Node<T>]) -> Self {
        Self {
            backend,
            tree: Tree::fixed(nodes),
            hints: Hints::new(),
            asid: Asid::new(0),
            unfinished: Unfinished::Nothing,
            deferred: Deferred::new(),
            epoch: 0,
            fault_around: B::PAGE_SIZE,
        }
    }

    /// Lets a space that was made [with nodes](Self::with_nodes) go on growing on the heap, now that there is one.
    ///
    /// O(1), cannot fail. Its own nodes stay in use; the heap is asked when they are all taken. A space on the heap
    /// stays as it is.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::NoPageTable, *};
    /// let mut space = VirtualMemoryManager::with_nodes(NoPageTable::new(), &mut []);
    /// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// let map = VirtualMemoryMap::new(area, memory, Permissions::READ, false)?;
    /// assert!(space.add_memory_map(map).is_err()); // there is no node
    /// space.allow_heap();
    /// assert!(space.add_memory_map(map).is_ok());
    /// # Ok::<(), MapError>(())
    /// ```
    #[cfg(feature = "alloc")]
    pub const fn allow_heap(&mut self) {
        self.tree.grow();
    }
}

#[cfg(all(test, feature = "alloc", target_has_atomic = "64", not(loom)))]
impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// How many nodes the maps are in.
    pub(crate) fn nodes(&self) -> usize {
        self.tree.nodes()
    }

    /// Whether deferred verbs wait.
    pub(crate) fn waits(&self) -> bool {
        self.deferred.settling.is_due()
    }

    /// Tells `words` of the maps and their tree, and of what was deferred. The page table has a digest of its own.
    pub(crate) fn digest(
        &self,
        words: &mut alloc::vec::Vec<u64>,
        content: impl Fn(crate::map::MapRef<'_, T>) -> u64,
    ) {
        self.tree.digest(words, content);
        words.push(u64::from(self.deferred.settling.is_due()));
        words.push(u64::from(self.deferred.settling.is_any()));
    }
}

impl<B: PageTableBackend, T: Payload> Drop for VirtualMemoryManager<B, T> {
    /// Without maps, and with nothing deferred or unfinished, the page table is empty.
    fn drop(&mut self) {
        self.settle_first();
        if self.tree.len() > 0 || self.unfinished != Unfinished::Nothing {
            drop(self.remove_all_memory_maps());
        }
    }
}

impl<B: PageTableBackend, T: Payload> fmt::Debug for VirtualMemoryManager<B, T> {
    /// Prints root and ASID; `Display` prints the maps.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualMemoryManager")
            .field("root", &self.backend.root())
            .field("asid", &self.asid)
            .finish_non_exhaustive()
    }
}
