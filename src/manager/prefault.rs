//! Faulting pages in before they are touched.

use super::chunks::{Stop, Stopped};
use super::handle_fault::Answer;
use super::space::VirtualMemoryManager;
use crate::area::MemoryArea;
use crate::backend::{Entry, Paging};
use crate::fault::Privilege;
use crate::map::Payload;
use crate::permissions::{Access, Permissions};

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// Resolves a fault for each page in `area` that has none yet, as `MAP_POPULATE` and `mlock` want it: for a write
    /// where the map allows that, for a read elsewhere. Maps without permissions are passed over. Many CPUs may do so
    /// at once. O(log n + levels) a page, and O(page) for each that is cleared.
    ///
    /// Physical memory is mapped more quickly by [`populate`](Self::populate), all or none of it.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// space.prefault(area)?;
    /// assert_eq!(space.resident(area).count(), 3);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Pages before `at` are there, and [`Stopped`] says why no further: [`Stop::Refused`] with
    /// [`FaultError::NotMapped`](crate::FaultError::NotMapped) at a hole, with
    /// [`FaultError::OutOfFrames`](crate::FaultError::OutOfFrames); [`Stop::Fault`] where the kernel is to supply a
    /// page, or another CPU is at one that has no entry yet.
    pub fn prefault(&self, area: MemoryArea) -> Result<(), Stopped> {
        self.settle_beside();
        let mut rest = Some(area);
        while let Some(part) = rest {
            let at = part.start();
            let page = MemoryArea::block(at, B::PAGE_SIZE);
            let next = page.next().filter(|&next| next <= area.end());
            rest = next.and_then(|next| MemoryArea::new(next, area.end()).ok());
            self.prefault_page(page).map_err(|why| Stopped {
                done: area.offset_of(at).unwrap_or_default(),
                at,
                why,
            })?;
        }
        Ok(())
    }

    fn prefault_page(&self, page: MemoryArea) -> Result<(), Stop> {
        let at = page.start();
        let permissions = self.find(at).map(|map| map.permissions());
        let access = match permissions {
            Some(permissions) if permissions.contains(Permissions::WRITE) => Access::Write,
            Some(permissions) if permissions.contains(Permissions::READ) => Access::Read,
            Some(permissions) if permissions.contains(Permissions::EXECUTE) => Access::Execute,
            Some(_) => return Ok(()),
            // A fault there has the evidence.
            None => Access::Read,
        };
        if permissions.is_some() && self.backend.entry(at) != Entry::Empty {
            return Ok(());
        }
        // On behalf of whoever the memory is for: the kernel executes none of a program's.
        let is_user = permissions.is_some_and(|allowed| allowed.contains(Permissions::USER));
        let privilege = if is_user {
            Privilege::User
        } else {
            Privilege::Kernel
        };
        match self.handle_fault(at, access, privilege) {
            Ok(Answer::Resolved { .. }) => Ok(()),
            // Another CPU is at the page, and need not have come to its end.
            Ok(Answer::Spurious { .. }) if self.backend.entry(at) != Entry::Empty => Ok(()),
            Ok(Answer::Spurious { .. } | Answer::NeedsFrame { .. }) => Err(Stop::Fault),
            Err(error) => Err(Stop::Refused(error)),
        }
    }
}
