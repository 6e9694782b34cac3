//! Reading user memory.

use super::chunks::Stopped;
use super::space::VirtualMemoryManager;
use crate::addr::VirtAddr;
use crate::backend::Paging;
use crate::fault::Privilege;
use crate::map::Payload;

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
        let Some((area, is_all)) = Self::clipped(from, to.len()) else {
            return Ok(());
        };
        for chunk in self.chunks(area, privilege) {
            let chunk = chunk?;
            let before = area.offset_of(chunk.area().start()).unwrap_or_default();
            chunk.read(to.get_mut(before..).unwrap_or_default());
        }
        if is_all {
            Ok(())
        } else {
            Err(Self::past_the_end(from, area))
        }
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
        let Some((area, is_all)) = Self::clipped(from, to.len()) else {
            return Ok(None);
        };
        for chunk in self.chunks(area, privilege) {
            let chunk = chunk?;
            let before = area.offset_of(chunk.area().start()).unwrap_or_default();
            let part = to.get_mut(before..).unwrap_or_default();
            chunk.read(part);
            let len = part.len().min(chunk.area().size());
            let bytes = part.get(..len).unwrap_or_default();
            if let Some(at) = bytes.iter().position(|&byte| byte == end) {
                return Ok(Some(before + at));
            }
        }
        if is_all {
            Ok(None)
        } else {
            Err(Self::past_the_end(from, area))
        }
    }
}
