//! Looking things up.

use super::space::VirtualMemoryManager;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::backend::PageTableBackend;
use crate::map::{MapRef, Payload};

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// The map at position `index` in address order, or `None` past the last. O(log n).
    #[must_use]
    pub fn get_memory_map(&self, index: usize) -> Option<MapRef<'_, T>> {
        self.tree.get(index)
    }

    /// The map that holds `vaddr`. O(log n).
    #[must_use]
    pub fn search_memory_map(&self, vaddr: VirtAddr) -> Option<MapRef<'_, T>> {
        self.tree.find(vaddr)
    }

    /// The position, in address order, of the map that holds `vaddr`. O(log n).
    #[must_use]
    pub fn search_memory_map_idx(&self, vaddr: VirtAddr) -> Option<usize> {
        self.tree.rank(vaddr)
    }

    /// Where `vaddr` leads by the map that holds it, whatever its permissions and whether it is populated or not;
    /// `None` where no map is. O(log n).
    #[must_use]
    pub fn translate_vaddr(&self, vaddr: VirtAddr) -> Option<PhysAddr> {
        self.tree.find(vaddr)?.translate(vaddr)
    }

    /// All maps in address order. O(1) a step.
    pub fn memory_maps(&self) -> impl ExactSizeIterator<Item = MapRef<'_, T>> {
        self.tree.iter()
    }

    /// The maps that have a byte in `area`, whole, in address order. O(log n), and O(1) a step.
    pub fn memory_maps_in(&self, area: MemoryArea) -> impl Iterator<Item = MapRef<'_, T>> {
        self.tree
            .iter_from(area.start())
            .take_while(move |map| map.vmarea().start() <= area.end())
    }
}
