//! Pages that the kernel supplies.

use core::error::Error;
use core::fmt;

use super::space::VirtualMemoryManager;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::backend::{Entry, Lost, Paging};
use crate::bytes::Held;
use crate::error::MapError;
use crate::fault::Done;
use crate::frame::{Frame, FrameAllocator};
use crate::map::Payload;
use crate::permissions::{Access, Permissions};

/// What a page fault has asked for, to be given to [`VirtualMemoryManager::supply`] with the frame.
///
/// It is good until the layout of the space changes, and must not outlive the space. A kernel that has to wait for the
/// frame, for a disk say, asks again when it has come. Under one hold of its reader lock it calls
/// [`handle_fault`](VirtualMemoryManager::handle_fault) and then `supply`, which cannot find the ticket stale then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub(super) root: PhysAddr,
    pub(super) epoch: u64,
    pub(super) page: MemoryArea,
    pub(super) access: Access,
    pub(super) attributes: Attributes,
    pub(super) is_shared: bool,
}

impl Ticket {
    /// The page that is wanted.
    #[must_use]
    pub const fn page(&self) -> MemoryArea {
        self.page
    }

    /// The access that has faulted.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }
}

/// A frame that was not taken, and why.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the frame is leaked unless it is given back"]
pub struct Unsupplied {
    frame: Frame,
    reason: Reason,
}

#[derive(Debug, PartialEq, Eq)]
enum Reason {
    Stale,
    Raced(Entry),
    Refused(MapError),
}

impl Unsupplied {
    /// Whether the layout has changed since the ticket was made, or the ticket is another space's: ask again.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.reason == Reason::Stale
    }

    /// The entry that is there, when another CPU was first: go back to the program.
    #[must_use]
    pub const fn found(&self) -> Option<Entry> {
        match self.reason {
            Reason::Raced(found) => Some(found),
            Reason::Stale | Reason::Refused(_) => None,
        }
    }

    /// Why it was refused, when the ticket was good and nobody else was first.
    #[must_use]
    pub const fn error(&self) -> Option<MapError> {
        match self.reason {
            Reason::Refused(error) => Some(error),
            Reason::Stale | Reason::Raced(_) => None,
        }
    }

    /// The frame, as it was given.
    pub fn into_frame(self) -> Frame {
        self.frame
    }
}

impl fmt::Display for Unsupplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::Stale => f.write_str("the space was changed since the fault"),
            Reason::Raced(_) => f.write_str("another CPU was first"),
            Reason::Refused(error) => error.fmt(f),
        }
    }
}

impl Error for Unsupplied {}

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// Gives the space the page that a fault has asked for: `frame` is one reference to the frame with its bytes. Many
    /// CPUs may supply at once.
    ///
    /// A page of shared memory is mapped as it is, and may be written at once if the fault was a write: the answer is
    /// [`Done::Dirtied`] then. One of private memory is mapped without WRITE; for a write its bytes are copied to a new
    /// frame, and the reference is given back.
    ///
    /// A kernel whose allocator counts no references must not keep a frame that it has supplied.
    ///
    /// O(levels), and O(page) where it is copied; no flush.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::provided(area, 0x5000, rw, true)?)?;
    /// let fault = space.handle_fault(VirtAddr::new(0x2345), Access::Write, Privilege::User)?;
    /// if let Answer::NeedsFrame { ticket, offset, .. } = fault {
    ///     assert_eq!(offset, 0x6000); // of the page in the kernel's object
    ///     let frame = frames.alloc().ok_or("out of frames")?; // with the object's bytes
    ///     assert_eq!(space.supply(ticket, frame), Ok(Done::Dirtied));
    /// }
    /// assert_eq!(space.resident(area).count(), 1);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The frame comes back, and the page is as it was: when the ticket is stale, when another CPU was first, or with
    /// [`MapError::OutOfFrames`], [`MapError::ForeignFrame`], [`MapError::PhysOutOfRange`].
    pub fn supply(&self, ticket: Ticket, frame: Frame) -> Result<Done, Unsupplied> {
        if ticket.root != self.backend.root() || ticket.epoch != self.epoch {
            let reason = Reason::Stale;
            return Err(Unsupplied { frame, reason });
        }
        let is_write = ticket.access == Access::Write;
        let (supplied, done) = if ticket.is_shared {
            let done = if is_write {
                Done::Dirtied
            } else {
                Done::Mapped
            };
            (self.supply_as_is(ticket, frame, is_write), done)
        } else if is_write {
            (self.supply_copy(ticket, frame), Done::Copied)
        } else {
            (self.supply_as_is(ticket, frame, false), Done::Mapped)
        };
        supplied.map(|()| {
            self.mark_used(ticket.page.start(), ticket.access);
            done
        })
    }

    fn supply_as_is(
        &self,
        ticket: Ticket,
        frame: Frame,
        is_writable: bool,
    ) -> Result<(), Unsupplied> {
        let permissions = ticket.attributes.permissions;
        let allowed = if is_writable {
            permissions
        } else {
            permissions - Permissions::WRITE
        };
        let attributes = ticket.attributes.allowing(allowed);
        self.install(ticket.page, frame, attributes)
            .map_err(|lost| {
                let reason = reason(&lost);
                let frame = lost.into_frame();
                Unsupplied { frame, reason }
            })
    }

    fn supply_copy(&self, ticket: Ticket, frame: Frame) -> Result<(), Unsupplied> {
        let platform = self.backend.platform();
        let copied = match Held::of(platform, &frame) {
            Some(held) => held.copy().ok_or(MapError::OutOfFrames { needed: 1 }),
            None => Err(MapError::ForeignFrame { addr: frame.addr() }),
        };
        let copy = match copied {
            Ok(copy) => copy,
            Err(error) => {
                let reason = Reason::Refused(error);
                return Err(Unsupplied { frame, reason });
            }
        };
        match self.install(ticket.page, copy, ticket.attributes) {
            Ok(()) => {
                platform.release(frame, false);
                Ok(())
            }
            Err(lost) => {
                let reason = reason(&lost);
                platform.release(lost.into_frame(), false);
                Err(Unsupplied { frame, reason })
            }
        }
    }
}

fn reason(lost: &Lost) -> Reason {
    match (lost.found(), lost.error()) {
        (Some(found), _) => Reason::Raced(found),
        (None, Some(error)) => Reason::Refused(error),
        // One of the two is there.
        (None, None) => Reason::Stale,
    }
}
