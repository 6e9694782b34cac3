//! Removing maps as a whole.
//!
//! No leaf crosses a map's border, so nothing is split here: these verbs reserve nothing, and cannot fail.

use core::fmt;
use core::iter::FusedIterator;

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::addr::VirtAddr;
use crate::backend::PageTableBackend;
use crate::map::{Payload, VirtualMemoryMap};
use crate::tree::{Tree, drop_all};

/// The maps that [`remove_all_memory_maps`](VirtualMemoryManager::remove_all_memory_maps) took out, in address order.
///
/// Each step is O(log n). Dropped early, the iterator drops the maps that are left.
pub struct RemovedMaps<'a, T: Payload> {
    tree: &'a mut Tree<T>,
}

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Takes out the map at position `index` in address order, or answers `None` past the last.
    ///
    /// Clears its part of the page table and flushes once, unless none of it was valid. Cannot fail: no leaf crosses a
    /// map's border, so nothing is split. O(log n + tables touched).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let map = space.remove_memory_map(0);
    /// assert_eq!(map.map(|map| map.vmarea()), Some(area));
    /// assert!(space.remove_memory_map(0).is_none());
    /// # Ok::<(), MapError>(())
    /// ```
    pub fn remove_memory_map(&mut self, index: usize) -> Option<VirtualMemoryMap<T>> {
        self.settle_first();
        // Maps are not joined here: `index` counts them as they are.
        self.recover_entries();
        let area = self.tree.get(index)?.vmarea();
        let left = self.unfinished;
        self.begin(Unfinished::Entries(area));
        self.clear(area, B::Reserved::default());
        self.begin(left);
        let map = self.tree.take_first(area);
        self.tree.trim();
        map
    }

    /// Takes out the map that holds `vaddr`, or answers `None` where none is.
    ///
    /// At the cost of [`remove_memory_map`](Self::remove_memory_map), and O(log n).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// space.add_memory_map(VirtualMemoryMap::identity(area, Permissions::READ)?)?;
    /// let map = space.remove_memory_map_at(VirtAddr::new(0x2345));
    /// assert_eq!(map.map(|map| map.vmarea()), Some(area));
    /// # Ok::<(), MapError>(())
    /// ```
    pub fn remove_memory_map_at(&mut self, vaddr: VirtAddr) -> Option<VirtualMemoryMap<T>> {
        self.settle_first();
        self.recover_entries();
        self.remove_memory_map(self.tree.rank(vaddr)?)
    }

    /// Takes out all maps and answers them in address order.
    ///
    /// When it returns, the page table is empty, flushed once unless nothing was valid, and every frame of it but the
    /// root is back with the allocator. Allocates nothing, cannot fail. O(tables), and O(log n) for each map that is
    /// taken.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let maps: Vec<_> = space.remove_all_memory_maps().collect();
    /// assert_eq!((maps.len(), space.memory_maps().len()), (1, 0));
    /// # Ok::<(), MapError>(())
    /// ```
    pub fn remove_all_memory_maps(&mut self) -> RemovedMaps<'_, T> {
        self.settle_first();
        let left = match self.unfinished {
            Unfinished::Nothing => Unfinished::Nothing,
            _ => Unfinished::Joins,
        };
        self.begin(Unfinished::Anywhere);
        self.clear_all();
        self.begin(left);
        RemovedMaps {
            tree: &mut self.tree,
        }
    }
}

impl<T: Payload> Iterator for RemovedMaps<'_, T> {
    type Item = VirtualMemoryMap<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let map = self.tree.take_front();
        self.tree.trim();
        map
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.tree.len(), Some(self.tree.len()))
    }
}

impl<T: Payload> ExactSizeIterator for RemovedMaps<'_, T> {}
impl<T: Payload> FusedIterator for RemovedMaps<'_, T> {}

impl<T: Payload> Drop for RemovedMaps<'_, T> {
    fn drop(&mut self) {
        drop_all(self);
    }
}

impl<T: Payload> fmt::Debug for RemovedMaps<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tree.iter()).finish()
    }
}
