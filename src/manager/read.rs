//! Reading user memory.

use super::chunks::Stopped;
use super::space::VirtualMemoryManager;
use crate::addr::VirtAddr;
use crate::backend::Paging;
use crate::fault::Privilege;
use crate::map::Payload;
use crate::permissions::Access;

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// Copies user memory from `from` on to `to`, as `copy_from_user` does: across pages and maps, with their
    /// permissions checked. Many CPUs may read and write at once. O(bytes), and O(log n + levels) a page.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// let mut bytes = [0xff; 4];
    /// let stopped = space.read(area.start(), &mut bytes, Privilege::User).unwrap_err();
    /// assert_eq!((stopped.done, stopped.why), (0, Stop::Fault)); // nothing is there yet
    /// space.prefault(area)?;
    /// space.read(area.start(), &mut bytes, Privilege::User)?;
    /// assert_eq!(bytes, [0; 4]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Stopped`] says how far it came and why no further. For [`Stop::Fault`](crate::Stop::Fault) the kernel calls
    /// [`handle_fault`](Self::handle_fault), and goes on from there.
    pub fn read(&self, from: VirtAddr, to: &mut [u8], privilege: Privilege) -> Result<(), Stopped> {
        self.each_chunk(from, to.len(), Access::Read, privilege, |before, chunk| {
            chunk.read(to.get_mut(before..).unwrap_or_default());
            true
        })
    }

    /// Copies user memory from `from` on to `to`, up to the first byte that is `end`: a string, say, that ends with 0.
    /// Answers how many bytes come before it, or `None` when `to` is full and none was found. As [`read`](Self::read)
    /// otherwise, and at its cost.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// space.prefault(area)?;
    /// space.write(area.start(), b"init\0", Privilege::User)?;
    /// let mut name = [0; 16];
    /// assert_eq!(space.read_until(area.start(), 0, &mut name, Privilege::User), Ok(Some(4)));
    /// assert_eq!(&name[..4], b"init");
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_until(
        &self,
        from: VirtAddr,
        end: u8,
        to: &mut [u8],
        privilege: Privilege,
    ) -> Result<Option<usize>, Stopped> {
        let mut found = None;
        self.each_chunk(from, to.len(), Access::Read, privilege, |before, chunk| {
            let part = to.get_mut(before..).unwrap_or_default();
            chunk.read(part);
            let len = part.len().min(chunk.area().size());
            let bytes = part.get(..len).unwrap_or_default();
            let at = bytes.iter().position(|&byte| byte == end);
            found = at.map(|at| before + at);
            found.is_none()
        })?;
        Ok(found)
    }
}
