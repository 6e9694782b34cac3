//! Physical memory in the host's, and a platform that checks whoever uses it.
//!
//! A frame goes from fresh to in use, from there to the free list, and back to in use. Frames that are not in use are
//! filled with poison, so that a table that was not cleared, and a write after free, are found.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU32, AtomicUsize};

use spin::Mutex;

use super::countdown::Countdown;
use super::host_memory::HostMemory;
use crate::addr::PhysAddr;
use crate::flush::{Flush, Tlb};
use crate::frame::{AllocatorId, FRAME_SIZE, Frame, FrameAllocator, ShareError};

/// The byte that fills a frame that is not in use.
///
/// A page-table word of it is valid on most machines: a table that was not cleared is not taken for an empty one.
const POISON: u8 = 0xdb;

/// Physical memory in the memory of the host, and a platform for tests: it hands frames out, counts them and the
/// flushes, and catches who frees twice, or uses what was freed. It counts the references to each frame.
///
/// It is a handle: clones share the frames. Physical addresses are the host's own, so frames of one are never taken for
/// another's. The host's memory is touched when a frame is handed out, so frames that are never used cost nothing.
///
/// A frame holds junk when it is handed out, never zeroes. When the last handle is dropped while frames are
/// handed out, the host's memory stays allocated.
#[derive(Clone)]
pub struct HostFrames {
    pub(super) host: Arc<Host>,
}

/// The state that the handles of one [`HostFrames`] share.
pub(super) struct Host {
    pub(super) memory: HostMemory,
    pub(super) pool: Mutex<Pool>,
    flushes: AtomicUsize,
}

/// The frames that are not in use. A frame changes hands only under the lock of this value.
pub(super) struct Pool {
    /// The number of the first frame that was never handed out.
    fresh: usize,
    /// The numbers of the frames that came back, the last on top: so a write after free is soon found.
    free: Vec<usize>,
    failure: Countdown,
}

impl HostFrames {
    /// Physical memory of this many frames. O(1).
    ///
    /// When the host cannot give that much memory, or no number holds its size, there are no frames at all, and
    /// [`alloc`](FrameAllocator::alloc) answers `None`.
    ///
    /// ```
    /// use kernel_vm::FrameAllocator;
    /// use kernel_vm::backend::mock::HostFrames;
    ///
    /// let frames = HostFrames::new(1);
    /// let only = frames.alloc();
    /// assert!(only.is_some() && frames.alloc().is_none());
    /// ```
    #[must_use]
    pub fn new(frames: usize) -> Self {
        let pool = Pool {
            fresh: 0,
            free: Vec::new(),
            failure: Countdown::new(),
        };
        let memory = HostMemory::new(frames);
        Self {
            host: Arc::new(Host {
                memory,
                pool: Mutex::new(pool),
                flushes: AtomicUsize::new(0),
            }),
        }
    }

    /// The number of frames that are handed out. O(1).
    #[must_use]
    pub fn frames_in_use(&self) -> usize {
        let pool = self.host.pool.lock();
        pool.fresh - pool.free.len()
    }

    /// How many references to the frame that holds `at` there are; 0 for one that is not handed out. O(1).
    #[must_use]
    pub fn references(&self, at: PhysAddr) -> u32 {
        let found = self.host.locate(at);
        found.map_or(0, |(index, _)| self.host.references(index))
    }

    /// How many flushes there were. O(1).
    #[must_use]
    pub fn flushes(&self) -> usize {
        self.host.flushes.load(Relaxed)
    }

    /// Lets the `n`-th allocation from now (1 is the next) answer `None`, once. 0 takes the order back. O(1).
    pub fn fail_alloc(&self, n: usize) {
        self.host.pool.lock().failure.set(n);
    }
}

impl Host {
    /// The number of a frame that is not in use, filled with poison, which is in use from now on; `None` when there is
    /// none. O(1): one frame is filled, or compared.
    #[expect(
        unsafe_code,
        reason = "poison is written and read in frames that nobody uses"
    )]
    fn take(&self, pool: &mut Pool) -> Option<usize> {
        if let Some(&index) = pool.free.last() {
            // SAFETY: whoever released the frame has given it up, and the pool is locked: so nobody writes it.
            let is_untouched = unsafe { self.memory.is_filled(index, POISON) };
            assert!(
                is_untouched,
                "write after free: the frame at {} was written while it was free",
                self.addr(index)
            );
            pool.free.pop();
            return Some(index);
        }
        let index = pool.fresh;
        self.memory.count(index)?;
        // SAFETY: frames from `fresh` on were never handed out, and the pool is locked.
        unsafe { self.memory.fill(index, POISON) };
        pool.fresh += 1;
        Some(index)
    }

    /// Whether the frame with this number is handed out.
    #[inline]
    pub(super) fn is_in_use(&self, index: usize) -> bool {
        self.references(index) > 0
    }

    #[inline]
    fn references(&self, index: usize) -> u32 {
        let count = self.memory.count(index);
        count.map_or(0, |count| count.load(Acquire))
    }

    /// The number and the count of the frame that holds `at`, if that is in use.
    fn counted(&self, at: PhysAddr) -> Option<(usize, &AtomicU32)> {
        let (index, _) = self.locate(at)?;
        let count = self.memory.count(index)?;
        (count.load(Relaxed) > 0).then_some((index, count))
    }

    /// The identity of this memory: its place, which no other memory has while frames are handed out.
    fn id(&self) -> AllocatorId {
        AllocatorId::at(self.memory.place())
    }

    /// The number of the frame that holds `at`, and how many bytes lie before it there.
    #[inline]
    pub(super) fn locate(&self, at: PhysAddr) -> Option<(usize, usize)> {
        let offset = usize::try_from(at.get())
            .ok()?
            .checked_sub(self.memory.address())?;
        Some((offset / FRAME_SIZE, offset % FRAME_SIZE))
    }

    /// Where the frame with this number is. There are no frames past the end of the host's memory, so this cannot wrap.
    fn addr(&self, index: usize) -> PhysAddr {
        let offset = index.wrapping_mul(FRAME_SIZE);
        PhysAddr::new(self.memory.address().wrapping_add(offset) as u64)
    }
}

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY:
// - `alloc` hands out free frames: `take` answers those under the pool's lock, and the `release` that takes the last
//   reference alone frees them.
// - The frames lie in memory of this value's own. While a frame is handed out, nothing here touches its bytes.
// - Clones of the handle share the memory, which lives as long as any of them, or for ever if a frame is still out.
// - `reach` answers pointers into that memory, with the provenance of all of it.
// - Frames are aligned to `FRAME_SIZE`, as their addresses are.
// - The id is the memory's place: whoever else answers it is a clone, as no other memory can be at that place.
unsafe impl FrameAllocator for HostFrames {
    /// The place of the memory, which stays allocated while a frame is handed out.
    fn id(&self) -> AllocatorId {
        self.host.id()
    }

    /// # Panics
    /// When a frame that was free has been written ('write after free').
    fn alloc(&self) -> Option<Frame> {
        let mut pool = self.host.pool.lock();
        if pool.failure.strikes() {
            return None;
        }
        let index = self.host.take(&mut pool)?;
        let count = self.host.memory.count(index);
        count.into_iter().for_each(|count| count.store(1, Release));
        let at = self.host.addr(index);
        // SAFETY: the frame was free, and is not handed out again before it is released. Who has this id shares this
        // memory: no other memory is at the same place while a frame of this one is handed out.
        Some(unsafe { Frame::of(self.host.id(), at) })
    }

    /// # Panics
    /// When the frame is another allocator's ('frame of another allocator'), or is not in use ('double free'). Nothing
    /// has changed then.
    fn release(&self, frame: Frame, _dirty: bool) {
        let (whose, own) = (frame.allocator(), self.host.id());
        assert!(
            whose == own,
            "frame of another allocator: the one at {} is of {whose:?}, and was given to {own:?}",
            frame.addr()
        );
        let mut pool = self.host.pool.lock();
        let found = self
            .host
            .counted(frame.addr())
            .filter(|_| frame.addr().is_aligned(FRAME_SIZE));
        assert!(
            found.is_some(),
            "double free: no frame is in use at {}",
            frame.addr()
        );
        found.into_iter().for_each(|(index, count)| {
            if count.fetch_sub(1, AcqRel) == 1 {
                // SAFETY: its last reference was given up with `frame`, and the pool is locked.
                unsafe { self.host.memory.fill(index, POISON) };
                pool.free.push(index);
            }
        });
    }

    /// # Panics
    /// When there is no frame at `at`, or it is not in use ('use after free').
    #[inline]
    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        let found = self
            .host
            .locate(at)
            .filter(|&(index, _)| self.host.is_in_use(index));
        let byte = found.and_then(|(index, within)| self.host.memory.byte(index, within));
        byte.unwrap_or_else(|| unreachable_frame(at))
    }

    fn counts(&self, _at: PhysAddr) -> bool {
        true
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        let (index, count) = self.host.counted(at).ok_or(ShareError::Free)?;
        let counted = count.fetch_update(Acquire, Relaxed, |count| match count {
            0 => None,
            _ => count.checked_add(1),
        });
        match counted {
            // SAFETY: the reference was counted just now, and is given to nobody else.
            Ok(_) => Ok(unsafe { Frame::of(self.host.id(), self.host.addr(index)) }),
            Err(0) => Err(ShareError::Free),
            Err(_) => Err(ShareError::TooMany),
        }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        let found = self.host.locate(at);
        found.is_none_or(|(index, _)| self.host.references(index) <= 1)
    }
}

#[cold]
#[expect(
    clippy::panic,
    reason = "the answer would be a pointer to memory that is not the caller's"
)]
fn unreachable_frame(at: PhysAddr) -> ! {
    panic!("use after free: no frame is in use at {at}")
}

impl Tlb for HostFrames {
    /// Counts the flush: there is no TLB here.
    fn flush(&self, _flush: &Flush<'_>) {
        self.host.flushes.fetch_add(1, Relaxed);
    }
}

impl Drop for Host {
    /// Leaves the memory allocated while a frame of it is handed out: its bytes must not become another owner's.
    fn drop(&mut self) {
        let pool = self.pool.get_mut();
        if pool.fresh > pool.free.len() {
            self.memory.leak();
        }
    }
}

impl fmt::Debug for HostFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostFrames")
            .field("frames_in_use", &self.frames_in_use())
            .field("flushes", &self.flushes())
            .finish_non_exhaustive()
    }
}
