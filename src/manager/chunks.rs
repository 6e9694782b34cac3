//! User memory, page by page.

use core::error::Error;
use core::fmt;

use super::space::VirtualMemoryManager;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::{Entry, Paging, Unheld};
use crate::bytes::Held;
use crate::fault::{FaultError, Privilege};
use crate::frame::{FrameAllocator, ShareError};
use crate::map::{Backing, Payload};
use crate::permissions::Access;

/// Why the kernel cannot reach a byte of user memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// The page is not there, or may not be written yet: give address and access to
    /// [`handle_fault`](VirtualMemoryManager::handle_fault), and go on from there.
    Fault,
    /// The map is physical memory, which the kernel reaches by ways of its own.
    Physical,
    /// There is no further reference to the page's frame.
    Share(ShareError),
    /// The access is not allowed, or nothing is mapped.
    Refused(FaultError),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault => f.write_str("the page is to be faulted in"),
            Self::Physical => f.write_str("the map is physical memory"),
            Self::Share(error) => error.fmt(f),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl Error for Stop {}

/// How far a verb on user memory has come, and why no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// How many bytes are done.
    pub done: usize,
    /// The first byte that is not.
    pub at: VirtAddr,
    /// Why it is not.
    pub why: Stop,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} bytes, at {}", self.why, self.done, self.at)
    }
}

impl Error for Stopped {}

/// Bytes of user memory that lie in one page, and stay where they are meanwhile.
///
/// A program may read and write them at the same time, and so may other CPUs: each byte is then that of one of them.
pub struct Chunk<'a, P: FrameAllocator> {
    area: MemoryArea,
    /// How many bytes of the page come before it.
    offset: usize,
    held: Held<'a, P>,
}

impl<P: FrameAllocator> Chunk<'_, P> {
    /// Where the bytes are in the space.
    #[must_use]
    pub const fn area(&self) -> MemoryArea {
        self.area
    }

    /// Copies the bytes to `to`, as far as both go. O(bytes).
    pub fn read(&self, to: &mut [u8]) {
        let len = to.len().min(self.area.size());
        let to = to.get_mut(..len).unwrap_or_default();
        self.held.read(self.offset, to);
    }

    /// Copies `from` to the bytes, as far as both go. O(bytes).
    pub fn write(&self, from: &[u8]) {
        let len = from.len().min(self.area.size());
        self.held
            .write(self.offset, from.get(..len).unwrap_or_default());
    }

    /// Writes zeroes to all of the bytes. O(bytes).
    pub fn zero(&self) {
        self.held.zero(self.offset, self.area.size());
    }
}

impl<P: FrameAllocator> fmt::Debug for Chunk<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chunk").field(&self.area).finish()
    }
}

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// The bytes in `area`, page by page, in address order: for whoever copies to or from a place that is no slice. The
    /// last item is the page that stopped it, if one did. O(log n + levels) a page.
    ///
    /// With [`Access::Write`], each page counts as written from the moment when it is answered.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// space.prefault(area)?;
    /// for chunk in space.chunks(area, Access::Write, Privilege::User) {
    ///     chunk?.write(b"at the start of each page");
    /// }
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Stop`] has the reasons.
    pub fn chunks(
        &self,
        area: MemoryArea,
        access: Access,
        privilege: Privilege,
    ) -> impl Iterator<Item = Result<Chunk<'_, B::Platform>, Stopped>> {
        let mut rest = Some(area);
        core::iter::from_fn(move || {
            let at = rest?.start();
            let page = MemoryArea::block(at, B::PAGE_SIZE);
            let part = page.intersection(rest?)?;
            let next = part.next().filter(|&next| next <= area.end());
            rest = next.and_then(|next| MemoryArea::new(next, area.end()).ok());
            let chunk = self.hold(at, access, privilege).map(|held| Chunk {
                area: part,
                offset: at.get() % B::PAGE_SIZE,
                held,
            });
            Some(chunk.map_err(|why| {
                rest = None;
                let done = area.offset_of(at).unwrap_or_default();
                Stopped { done, at, why }
            }))
        })
    }

    /// The page of `vaddr`, where it may be accessed so as it is.
    pub(super) fn hold(
        &self,
        vaddr: VirtAddr,
        access: Access,
        privilege: Privilege,
    ) -> Result<Held<'_, B::Platform>, Stop> {
        let map = self.allowing(vaddr, access, privilege);
        if map.map_err(Stop::Refused)?.backing() == Backing::Physical {
            return Err(Stop::Physical);
        }
        let run = match self.backend.entry(vaddr) {
            Entry::Leaf(run) if run.attributes.permissions.allow(access) => run,
            _ => return Err(Stop::Fault),
        };
        let held = self.backend.hold(run).map_err(|unheld| match unheld {
            Unheld::Changed(_) => Stop::Fault,
            Unheld::Share(error) => Stop::Share(error),
        })?;
        // As the MMU would: the kernel writes through a mapping of its own, where the MMU marks another entry.
        let touched = self.backend.touch(vaddr, access);
        touched.map(|()| held).map_err(|_| Stop::Fault)
    }

    /// Does `with` to each chunk of `len` bytes from `start` on; it is told how many bytes come before the chunk.
    pub(super) fn each_chunk(
        &self,
        start: VirtAddr,
        len: usize,
        access: Access,
        privilege: Privilege,
        mut with: impl FnMut(usize, Chunk<'_, B::Platform>) -> bool,
    ) -> Result<(), Stopped> {
        if len == 0 {
            return Ok(());
        }
        let area = MemoryArea::from_start_size(start, len).map_err(|error| Stopped {
            done: 0,
            at: start,
            why: Stop::Refused(FaultError::Map(error.into())),
        })?;
        for chunk in self.chunks(area, access, privilege) {
            let chunk = chunk?;
            let before = area.offset_of(chunk.area().start()).unwrap_or_default();
            if !with(before, chunk) {
                break;
            }
        }
        Ok(())
    }
}
