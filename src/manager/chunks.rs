//! User memory, page by page.

use core::error::Error;
use core::fmt;

use super::space::VirtualMemoryManager;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::area_error::AreaError;
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

/// Bytes of user memory that lie in one page, and stay where they are meanwhile: to be read.
///
/// A program may write them at the same time, and so may other CPUs: each byte is then that of one of them.
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
}

impl<P: FrameAllocator> fmt::Debug for Chunk<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chunk").field(&self.area).finish()
    }
}

/// A [`Chunk`] that may be written: the map allows it, the frame is the space's own or shared, and the page is dirty.
#[derive(Debug)]
pub struct ChunkMut<'a, P: FrameAllocator>(Chunk<'a, P>);

impl<P: FrameAllocator> ChunkMut<'_, P> {
    /// Where the bytes are in the space.
    #[must_use]
    pub const fn area(&self) -> MemoryArea {
        self.0.area
    }

    /// Copies the bytes to `to`, as far as both go. O(bytes).
    pub fn read(&self, to: &mut [u8]) {
        self.0.read(to);
    }

    /// Copies `from` to the bytes, as far as both go. O(bytes).
    pub fn write(&self, from: &[u8]) {
        let Chunk { area, offset, held } = &self.0;
        let len = from.len().min(area.size());
        held.write(*offset, from.get(..len).unwrap_or_default());
    }

    /// Writes zeroes to all of the bytes. O(bytes).
    pub fn zero(&self) {
        self.0.held.zero(self.0.offset, self.0.area.size());
    }
}

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// The bytes in `area`, page by page, to be read: for whoever copies to a place that is no slice.
    ///
    /// In address order. The last item is the page that stopped it, if one did. O(log n + levels) a page.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// space.prefault(area)?;
    /// for chunk in space.chunks(area, Privilege::User) {
    ///     let mut first = [0xff];
    ///     chunk?.read(&mut first);
    ///     assert_eq!(first, [0]);
    /// }
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Stop`] has the reasons.
    pub fn chunks(
        &self,
        area: MemoryArea,
        privilege: Privilege,
    ) -> impl Iterator<Item = Result<Chunk<'_, B::Platform>, Stopped>> {
        self.chunks_for(area, Access::Read, privilege)
    }

    /// The bytes in `area`, page by page, to be written: for whoever copies from a place that is no slice.
    ///
    /// As [`chunks`](Self::chunks), and at its cost. Each page counts as written from when it is answered.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// space.prefault(area)?;
    /// for chunk in space.chunks_mut(area, Privilege::User) {
    ///     chunk?.write(b"at the start of each page");
    /// }
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Stop`] has the reasons.
    pub fn chunks_mut(
        &self,
        area: MemoryArea,
        privilege: Privilege,
    ) -> impl Iterator<Item = Result<ChunkMut<'_, B::Platform>, Stopped>> {
        let chunks = self.chunks_for(area, Access::Write, privilege);
        chunks.map(|chunk| chunk.map(ChunkMut))
    }

    fn chunks_for(
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

    /// The page of `vaddr`, where it may be accessed so as it is, and has been marked as accessed so.
    pub(super) fn hold(
        &self,
        vaddr: VirtAddr,
        access: Access,
        privilege: Privilege,
    ) -> Result<Held<'_, B::Platform>, Stop> {
        let held = self.hold_unmarked(vaddr, access, privilege)?;
        // As the MMU would: the kernel writes through a mapping of its own, where the MMU marks another entry.
        let touched = self.backend.touch(vaddr, access);
        touched.map(|()| held).map_err(|_| Stop::Fault)
    }

    /// The page of `vaddr`, where it may be accessed so as it is.
    pub(super) fn hold_unmarked(
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
        self.backend.hold(run).map_err(|unheld| match unheld {
            Unheld::Changed(_) => Stop::Fault,
            Unheld::Share(error) => Stop::Share(error),
        })
    }

    /// `len` bytes from `start` on, and whether those are all that were asked for: bytes past the last address are
    /// none.
    pub(super) fn clipped(start: VirtAddr, len: usize) -> Option<(MemoryArea, bool)> {
        let whole = MemoryArea::from_start_size(start, len).ok();
        let clipped = || MemoryArea::new(start, VirtAddr::new(usize::MAX)).ok();
        match whole {
            Some(area) => Some((area, true)),
            None if len > 0 => clipped().map(|area| (area, false)),
            None => None,
        }
    }

    /// How a verb ends that was asked for bytes past the last address.
    pub(super) fn past_the_end(start: VirtAddr, area: MemoryArea) -> Stopped {
        let error = AreaError::Overflow {
            start: start.get() as u64,
            size: area.size(),
        };
        Stopped {
            done: area.size(),
            at: area.end(),
            why: Stop::Refused(FaultError::Map(error.into())),
        }
    }
}
