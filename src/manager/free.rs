//! Where nothing is mapped.

use super::space::VirtualMemoryManager;
use crate::area::MemoryArea;
use crate::backend::PageTableBackend;
use crate::map::Payload;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// The lowest area in `within` where `size` bytes can be mapped, at a multiple of `align` bytes (less than a page
    /// means a page). `None` when there is no such place, when `size` is 0 or not whole pages, or when `align` is not
    /// a power of two. `within` may be any area: only what the backend can map counts. O(log n + maps in `within`).
    #[must_use]
    pub fn find_free_area(
        &self,
        size: usize,
        align: usize,
        within: MemoryArea,
    ) -> Option<MemoryArea> {
        if size == 0 || size % B::PAGE_SIZE != 0 || !align.is_power_of_two() {
            return None;
        }
        let windows = self
            .backend
            .ranges()
            .iter()
            .filter_map(|range| range.intersection(within));
        windows
            .into_iter()
            .find_map(|window| self.tree.find_free(size, align.max(B::PAGE_SIZE), window))
    }

    /// Whether `area` is free to be mapped: the backend can map all of it, and no map has a byte there. O(log n).
    #[must_use]
    pub fn is_free(&self, area: MemoryArea) -> bool {
        self.backend
            .ranges()
            .iter()
            .any(|range| range.contains_area(area))
            && self.tree.first_overlap(area).is_none()
    }
}
