//! Writing user memory.

use super::chunks::Stopped;
use super::space::VirtualMemoryManager;
use crate::addr::VirtAddr;
use crate::backend::Paging;
use crate::fault::Privilege;
use crate::map::Payload;

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// Copies `from` to user memory from `to` on, as `copy_to_user` does: across pages and maps, with their permissions
    /// checked. Its pages are dirty then, as if the program had written. Many CPUs may read and write at once.
    /// O(bytes), and O(log n + levels) a page.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// space.prefault(area)?;
    /// space.write(VirtAddr::new(0x1ffe), b"over a border", Privilege::User)?;
    /// let mut bytes = [0; 13];
    /// space.read(VirtAddr::new(0x1ffe), &mut bytes, Privilege::User)?;
    /// assert_eq!(&bytes, b"over a border");
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Stopped`] says how far it came and why no further; pages before that are written. For
    /// [`Stop::Fault`](crate::Stop::Fault) the kernel calls [`handle_fault`](Self::handle_fault), and goes on from
    /// there.
    pub fn write(&self, to: VirtAddr, from: &[u8], privilege: Privilege) -> Result<(), Stopped> {
        let Some((area, is_all)) = Self::clipped(to, from.len()) else {
            return Ok(());
        };
        for chunk in self.chunks_mut(area, privilege) {
            let chunk = chunk?;
            let before = area.offset_of(chunk.area().start()).unwrap_or_default();
            chunk.write(from.get(before..).unwrap_or_default());
        }
        if is_all {
            Ok(())
        } else {
            Err(Self::past_the_end(to, area))
        }
    }

    /// Writes zeroes to `len` bytes of user memory from `to` on. As [`write`](Self::write) otherwise, and at its cost.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// space.prefault(area)?;
    /// space.write(area.start(), &[7; 8], Privilege::User)?;
    /// space.zero(area.start(), 4, Privilege::User)?;
    /// let mut bytes = [0; 8];
    /// space.read(area.start(), &mut bytes, Privilege::User)?;
    /// assert_eq!(bytes, [0, 0, 0, 0, 7, 7, 7, 7]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn zero(&self, to: VirtAddr, len: usize, privilege: Privilege) -> Result<(), Stopped> {
        let Some((area, is_all)) = Self::clipped(to, len) else {
            return Ok(());
        };
        for chunk in self.chunks_mut(area, privilege) {
            chunk?.zero();
        }
        if is_all {
            Ok(())
        } else {
            Err(Self::past_the_end(to, area))
        }
    }
}
