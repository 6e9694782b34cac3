//! What is in memory.

use super::space::VirtualMemoryManager;
use crate::area::MemoryArea;
use crate::backend::PageTableBackend;
use crate::map::Payload;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// The parts of `area` that the page table has memory for, hidden pages included, in address order: as `mincore`
    /// tells. Neighbours that lead to different places stand apart. O(resident): what is not there is skipped by whole
    /// tables.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// let _ = space.handle_fault(VirtAddr::new(0x2000), Access::Read, Privilege::User)?;
    /// let page = MemoryArea::from_start_size(VirtAddr::new(0x2000), 0x1000)?;
    /// assert!(space.resident(area).eq([page]));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn resident(&self, area: MemoryArea) -> impl Iterator<Item = MemoryArea> {
        self.backend.populated(area).map(|run| run.area)
    }
}
