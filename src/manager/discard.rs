//! Giving memory back while the maps stay.

use super::space::VirtualMemoryManager;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, check_area};
use crate::error::MapError;
use crate::map::Payload;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Gives back what is resident in `area`, as `madvise` with `MADV_DONTNEED` does; the maps stay. The next touch of
    /// an anonymous page finds zeroes, and that of a provided one asks for the page again: tickets of before are stale.
    /// Holes are passed over. Flushes once, unless no entry was valid. O(tables touched).
    ///
    /// # Errors
    /// Nothing has changed then: [`MapError::Misaligned`], [`MapError::MisalignedSize`], [`MapError::OutOfRange`];
    /// [`MapError::OutOfFrames`] when a superpage at a border cannot be split.
    pub fn discard(&mut self, area: MemoryArea) -> Result<(), MapError> {
        self.recover();
        check_area(&self.backend, area)?;
        let reserved = self.backend.reserve([Edit::Unmap(area)].into_iter())?;
        self.clear(area, reserved);
        Ok(())
    }
}
