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
