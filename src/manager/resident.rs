//! What is in memory.

use super::space::VirtualMemoryManager;
use crate::area::MemoryArea;
use crate::backend::PageTableBackend;
use crate::map::Payload;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// The parts of `area` that the page table has memory for, hidden pages included, in address order: as `mincore`
    /// tells. Neighbours that lead to different places stand apart. O(resident), and what is not there is skipped by
    /// whole tables.
    pub fn resident(&self, area: MemoryArea) -> impl Iterator<Item = MemoryArea> {
        self.backend.populated(area).map(|run| run.area)
    }
}
