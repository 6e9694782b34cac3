//! Supplying a page and its neighbours.

use super::space::VirtualMemoryManager;
use super::supply::{Ticket, Unsupplied};
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::backend::{Entry, Paging};
use crate::fault::Done;
use crate::frame::{Frame, FrameAllocator};
use crate::map::Payload;
use crate::permissions::{Access, Permissions};

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// Supplies a page as [`supply`](Self::supply) does, and its neighbours with it: as far around it as
    /// [`set_fault_around`](Self::set_fault_around) says, and as its map goes. `neighbour` is asked for each page that
    /// is not there, by its offset in the kernel's object, and answers one reference to its frame if the object has it
    /// at hand. So a program that reads a file faults once for many pages.
    ///
    /// Neighbours are mapped as for a read, and count as used; tables are reserved where there are none. One that
    /// another CPU was quicker to map, or whose table no frame is left for, goes back to the platform. O(levels) a
    /// page, no flush.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// let cache = SharedPages::new(frames.clone()); // a file's pages
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.set_fault_around(0x4000);
    /// space.add_memory_map(VirtualMemoryMap::provided(area, 0, rw, true)?)?;
    /// let fault = space.handle_fault(VirtAddr::new(0x2345), Access::Read, Privilege::User)?;
    /// if let Answer::NeedsFrame { ticket, offset, .. } = fault {
    ///     let done = space.supply_around(ticket, cache.page(offset)?, |offset| cache.page(offset).ok());
    ///     assert_eq!(done, Ok(Done::Mapped));
    /// }
    /// assert_eq!(space.resident(area).count(), 3);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`supply`](Self::supply): the frame comes back, and `neighbour` was not asked.
    pub fn supply_around(
        &self,
        ticket: Ticket,
        frame: Frame,
        mut neighbour: impl FnMut(u64) -> Option<Frame>,
    ) -> Result<Done, Unsupplied> {
        let done = self.supply(ticket, frame)?;
        let Some(map) = self.find(ticket.page.start()) else {
            return Ok(done);
        };
        for page in self.pages_around(map.vmarea(), ticket.page) {
            let is_there = self.backend.entry(page.start()) != Entry::Empty;
            let offset = map.offset_of(page.start()).filter(|_| !is_there);
            let Some(frame) = offset.and_then(&mut neighbour) else {
                continue;
            };
            self.supply_neighbour(page, frame, ticket.attributes);
        }
        Ok(done)
    }

    /// Maps a neighbour as for a read, and as used: where the MMU leaves that to software, it would fault else.
    fn supply_neighbour(&self, page: MemoryArea, frame: Frame, attributes: Attributes) {
        let allowed = attributes.allowing(attributes.permissions - Permissions::WRITE);
        match self.install(page, frame, allowed) {
            Ok(()) => self.mark_used(page.start(), Access::Read),
            Err(lost) => {
                let platform = self.backend.platform();
                platform.release(lost.into_frame(), false);
            }
        }
    }

    /// The pages of the map at `vmarea` that a fault at `page` brings along.
    fn pages_around(
        &self,
        vmarea: MemoryArea,
        page: MemoryArea,
    ) -> impl Iterator<Item = MemoryArea> {
        let around = self.around(page).intersection(vmarea);
        around.into_iter().flat_map(|around| {
            let blocks = around.blocks(B::PAGE_SIZE);
            blocks.map(|part| part.block)
        })
    }
}
