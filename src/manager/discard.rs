//! Giving memory back while the maps stay.

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, check_area};
use crate::error::MapError;
use crate::map::Payload;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Gives back what is resident in `area`, as `madvise` with `MADV_DONTNEED` does; the maps stay. The next touch of
    /// an anonymous page finds zeroes, and that of a provided one asks for the page again: tickets of before are stale.
    /// Holes are passed over. Flushes once, unless no entry was valid. O(tables touched).
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// space.prefault(area)?;
    /// space.discard(area)?;
    /// assert_eq!((space.memory_maps().len(), space.resident(area).count()), (1, 0));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Nothing has changed then:
    /// - [`MapError::Misaligned`], [`MapError::MisalignedSize`]: the area is not whole pages;
    /// - [`MapError::OutOfRange`]: the backend cannot map all of it;
    /// - [`MapError::OutOfFrames`], when a superpage at a border cannot be split.
    pub fn discard(&mut self, area: MemoryArea) -> Result<(), MapError> {
        self.recover();
        check_area(&self.backend, area)?;
        let reserved = self.backend.reserve([Edit::Unmap(area)].into_iter())?;
        self.begin(Unfinished::Entries(area));
        self.clear(area, reserved);
        self.end();
        Ok(())
    }
}
