//! Looking things up.
//!
//! All of these take `&self` and may run on many CPUs at once. Positions count all maps of the space, in address order.

use super::space::VirtualMemoryManager;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::backend::{Entry, PageTableBackend};
use crate::map::{Backing, MapRef, Payload};

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// The map at position `index` in address order, or `None` past the last. O(log n).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// assert_eq!(space.get_memory_map(0).map(MapRef::vmarea), Some(area));
    /// assert!(space.get_memory_map(1).is_none());
    /// # Ok::<(), MapError>(())
    /// ```
    #[must_use]
    pub fn get_memory_map(&self, index: usize) -> Option<MapRef<'_, T>> {
        self.tree.get(index)
    }

    /// The map that holds `vaddr`, or `None` where no map is. O(log n).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let map = space.search_memory_map(VirtAddr::new(0x2345));
    /// assert_eq!(map.map(MapRef::vmarea), Some(area));
    /// # Ok::<(), MapError>(())
    /// ```
    #[must_use]
    pub fn search_memory_map(&self, vaddr: VirtAddr) -> Option<MapRef<'_, T>> {
        self.find(vaddr)
    }

    /// As [`search_memory_map`](Self::search_memory_map), with this CPU's hint.
    #[inline]
    pub(super) fn find(&self, vaddr: VirtAddr) -> Option<MapRef<'_, T>> {
        self.tree.find(vaddr, || self.hints.of(self.backend.cpu()))
    }

    /// The position, in address order, of the map that holds `vaddr`, or `None` where no map is. O(log n).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// assert_eq!(space.search_memory_map_idx(VirtAddr::new(0x2345)), Some(0));
    /// assert_eq!(space.search_memory_map_idx(VirtAddr::new(0x4000)), None);
    /// # Ok::<(), MapError>(())
    /// ```
    #[must_use]
    pub fn search_memory_map_idx(&self, vaddr: VirtAddr) -> Option<usize> {
        self.tree.rank(vaddr)
    }

    /// Where `vaddr` leads, or `None` where no map is, or no page yet. O(log n), and O(levels) where the page table is
    /// asked.
    ///
    /// Of physical memory the map answers, whatever its permissions and whether it is populated or not. Memory that
    /// comes when it is touched is somewhere once it is resident.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let target = space.translate_vaddr(VirtAddr::new(0x2345));
    /// assert_eq!(target, Some(PhysAddr::new(0x8000_1345)));
    /// # Ok::<(), MapError>(())
    /// ```
    #[must_use]
    pub fn translate_vaddr(&self, vaddr: VirtAddr) -> Option<PhysAddr> {
        let map = self.find(vaddr)?;
        match map.backing() {
            Backing::Physical => map.translate(vaddr),
            Backing::Anonymous | Backing::Provided => match self.backend.entry(vaddr) {
                Entry::Leaf(run) | Entry::Hidden(run) => run.translate(vaddr),
                Entry::Empty | Entry::Busy => None,
            },
        }
    }

    /// All maps in address order. O(log n), and O(1) a step.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let bytes: usize = space.memory_maps().map(|map| map.vmarea().size()).sum();
    /// assert_eq!(bytes, 0x3000);
    /// # Ok::<(), MapError>(())
    /// ```
    pub fn memory_maps(&self) -> impl ExactSizeIterator<Item = MapRef<'_, T>> {
        self.tree.iter()
    }

    /// The maps that have a byte in `area`, whole, in address order. O(log n), and O(1) a step.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let page = MemoryArea::from_start_size(VirtAddr::new(0x2000), 0x1000)?;
    /// assert!(space.memory_maps_in(page).map(MapRef::vmarea).eq([area]));
    /// # Ok::<(), MapError>(())
    /// ```
    pub fn memory_maps_in(&self, area: MemoryArea) -> impl Iterator<Item = MapRef<'_, T>> {
        self.tree
            .iter_from(area.start())
            .take_while(move |map| map.vmarea().start() <= area.end())
    }
}
