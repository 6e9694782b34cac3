//! Keeping the frame behind a page.

use super::chunks::Stop;
use super::space::VirtualMemoryManager;
use crate::addr::VirtAddr;
use crate::backend::Paging;
use crate::fault::Privilege;
use crate::frame::{Frame, FrameAllocator, ShareError};
use crate::map::Payload;
use crate::permissions::Access;

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// One more reference to the frame behind `vaddr`: for a device that reads or writes it. It stays allocated until
    /// the caller releases the reference, whatever becomes of the page. With [`Access::Write`] the page may be written,
    /// and is dirty: of private memory, the frame is the space's own. O(log n + levels).
    ///
    /// A device writes past the MMU: whoever releases a reference through which it has written says so, by `dirty`.
    /// With [`Access::Read`], a later copy of the page is another frame. And a frame that is pinned must not be shared
    /// for copy-on-write meanwhile: the device would go on with the frame that the other space keeps. For the same
    /// reason its map must keep WRITE: once that was taken, by [`protect`](Self::protect), [`restrict`](Self::restrict)
    /// or [`clean`](Self::clean), the next write copies a private page, and `clean` names no page that a device has
    /// written.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// space.prefault(area)?;
    /// let frame = space.pin(area.start(), Access::Write, Privilege::User)?;
    /// space.unmap(area)?;
    /// assert_eq!(frames.references(frame.addr()), 1); // the device's
    /// frames.release(frame, true);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Nothing has changed. [`Stop`] has the reasons; [`Stop::Share`] with [`ShareError::Uncounted`] where the
    /// allocator counts no references.
    pub fn pin(
        &self,
        vaddr: VirtAddr,
        access: Access,
        privilege: Privilege,
    ) -> Result<Frame, Stop> {
        let held = self.hold_unmarked(vaddr, access, privilege)?;
        let frame = held.into_frame();
        let frame = frame.ok_or(Stop::Share(ShareError::Uncounted))?;
        if self.backend.touch(vaddr, access).is_err() {
            self.backend.platform().release(frame, false);
            return Err(Stop::Fault);
        }
        Ok(frame)
    }
}
