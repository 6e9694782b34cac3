//! Frames with more than one owner.

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::count::{COUNT, DIRTY, first, is_unique, release, share};
use crate::flush::{Flush, Tlb};
use crate::frame::{AllocatorId, FRAME_SIZE, Frame, FrameAllocator, ShareError};

/// A platform whose frames may have more than one reference, over one that counts none.
///
/// Copy-on-write, shared memory and page caches need a count for each frame. This keeps them in an array that the
/// kernel gives: 8 bytes a frame, no heap. A frame goes back to the platform below with its last reference; it is dirty
/// then if any of its references was.
///
/// Frames outside of the counted memory are handed on as they are, with one reference each.
///
/// ```
/// use core::sync::atomic::AtomicU64;
/// use kernel_vm::backend::mock::HostFrames;
/// use kernel_vm::{Counted, FrameAllocator, PhysAddr};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let frames = HostFrames::new(4);
/// # let first = frames.alloc().ok_or("out of frames")?;
/// # let base = first.addr();
/// # frames.release(first, false);
/// // A kernel has the counts in a `static`, one for each frame from `base` on.
/// let counts = Box::leak(Box::new([const { AtomicU64::new(0) }; 4]));
/// let counted = Counted::new(frames.clone(), base, counts);
///
/// let frame = counted.alloc().ok_or("out of frames")?;
/// let other = counted.share_frame(&frame)?;
/// assert!(!counted.is_unique(frame.addr()));
/// counted.release(frame, true);
/// assert!(counted.is_unique(other.addr()));
/// counted.release(other, false); // the last: the frame goes back, as dirty
/// assert_eq!(frames.frames_in_use(), 0);
/// # Ok(())
/// # }
/// ```
pub struct Counted<P> {
    inner: P,
    base: PhysAddr,
    /// Nobody else's: they came as `&mut`. Each word is 0 while its frame is not handed out by this value.
    counts: &'static [AtomicU64],
}

impl<P> Counted<P> {
    /// Counts references to the frames from `base` on, one word of `counts` for each. O(frames), since the words are
    /// cleared; cannot fail.
    ///
    /// ```
    /// use core::sync::atomic::AtomicU64;
    /// use kernel_vm::backend::mock::HostFrames;
    /// use kernel_vm::{Counted, FRAME_SIZE, PhysAddr};
    ///
    /// let base = PhysAddr::new(0x8000_0000);
    /// let counts = Box::leak(Box::new([const { AtomicU64::new(0) }; 2])); // a kernel has them in a `static`
    /// let counted = Counted::new(HostFrames::new(2), base, counts);
    /// let behind = base.checked_add(2 * FRAME_SIZE).ok_or("no such address")?;
    /// assert_eq!((counted.references(base), counted.references(behind)), (Some(0), None));
    /// # Ok::<(), &str>(())
    /// ```
    pub fn new(inner: P, base: PhysAddr, counts: &'static mut [AtomicU64]) -> Self {
        for count in &mut *counts {
            *count.get_mut() = 0;
        }
        Self {
            inner,
            base,
            counts,
        }
    }

    /// The platform below, which counts none. Its frames are not this value's: each side leaks those of the other, as
    /// [`FrameAllocator`] asks of both.
    pub const fn inner(&self) -> &P {
        &self.inner
    }

    /// How many references the frame that holds `at` has; `None` outside of the counted memory. O(1).
    #[must_use]
    pub fn references(&self, at: PhysAddr) -> Option<u32> {
        let word = self.word(at)?.load(Relaxed);
        // No more than 32 bits count.
        u32::try_from(word & COUNT).ok()
    }

    /// Whether a reference to the frame that holds `at` was given back as dirty: of use to a page cache that keeps its
    /// own. `None` outside of the counted memory. O(1).
    #[must_use]
    pub fn is_dirty(&self, at: PhysAddr) -> Option<bool> {
        Some(self.word(at)?.load(Acquire) & DIRTY != 0)
    }

    /// Takes that mark, for who writes the frame back now: what is written from here on marks it anew. O(1).
    pub fn take_dirty(&self, at: PhysAddr) -> Option<bool> {
        Some(self.word(at)?.fetch_and(!DIRTY, AcqRel) & DIRTY != 0)
    }

    fn word(&self, at: PhysAddr) -> Option<&AtomicU64> {
        // What lies before the base wraps, and is behind the last word.
        let offset = at.get().wrapping_sub(self.base.get());
        let number = usize::try_from(offset / FRAME_SIZE as u64).ok()?;
        self.counts.get(number)
    }
}

impl<P: FrameAllocator> Counted<P> {
    /// Gives the last reference to the platform below.
    #[expect(unsafe_code, reason = "the reference was counted here")]
    fn give_back(&self, at: PhysAddr, dirty: bool) {
        // SAFETY:
        // - the frame came from `inner.alloc`, in a `Frame` with this id, which was given up there;
        // - this is the only reference to it that is left: its count has just gone from 1 to 0, or it has none.
        let frame = unsafe { Frame::of(self.inner.id(), at) };
        self.inner.release(frame, dirty);
    }
}

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY:
// - frames come from `inner`, which keeps the promises of size, alignment and reach, and its `reach` is handed on;
// - a frame stays handed out by `inner` until its count is 0, so nobody else has it while a reference lives;
// - the id is the place of the counts, which are this value's alone for ever (they came as `&'static mut`), so no other
//   allocator answers it; without counts, nothing is counted, and the id is `inner`'s own.
unsafe impl<P: FrameAllocator> FrameAllocator for Counted<P> {
    fn id(&self) -> AllocatorId {
        match self.counts.first() {
            Some(first) => AllocatorId::of(first),
            None => self.inner.id(),
        }
    }

    fn alloc(&self) -> Option<Frame> {
        let frame = self.inner.alloc()?;
        if frame.allocator() != self.inner.id() {
            // The platform below forgets whose its frames are: a page table says so, as it does without counts.
            return Some(frame);
        }
        let at = frame.into_addr();
        if let Some(word) = self.word(at) {
            first(word);
        }
        // SAFETY: the reference that `inner` gave is handed on, under the id of this value, which reaches it alike.
        Some(unsafe { Frame::of(self.id(), at) })
    }

    /// Takes one reference back. A frame of another allocator is leaked.
    fn release(&self, frame: Frame, dirty: bool) {
        if frame.allocator() != self.id() {
            return;
        }
        let at = frame.into_addr();
        let Some(word) = self.word(at) else {
            return self.give_back(at, dirty);
        };
        if let Some(dirty) = release(word, dirty) {
            self.give_back(at, dirty);
        }
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.inner.reach(at)
    }

    fn counts(&self, at: PhysAddr) -> bool {
        self.word(at).is_some()
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        let word = self.word(at).ok_or(ShareError::Uncounted)?;
        share(word)?;
        let at = at.align_down(FRAME_SIZE).unwrap_or(at);
        // SAFETY: the reference was counted just now, and is given to nobody else.
        Ok(unsafe { Frame::of(self.id(), at) })
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.word(at).is_none_or(is_unique)
    }
}

/// The hooks of the platform below.
impl<P: Tlb> Tlb for Counted<P> {
    fn flush(&self, flush: &Flush<'_>) {
        self.inner.flush(flush);
    }

    #[inline]
    fn cpu(&self) -> usize {
        self.inner.cpu()
    }

    fn made_valid(&self, made: &Flush<'_>) {
        self.inner.made_valid(made);
    }

    fn fence(&self, stale: &Flush<'_>) {
        self.inner.fence(stale);
    }

    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        self.inner.made_code(area);
    }
}

impl<P: fmt::Debug> fmt::Debug for Counted<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted")
            .field("inner", &self.inner)
            .field("base", &self.base)
            .field("frames", &self.counts.len())
            .finish()
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use alloc::boxed::Box;

    use super::{AtomicU64, COUNT, Counted, FrameAllocator, Relaxed, ShareError};
    use crate::backend::mock::HostFrames;

    #[test]
    fn a_count_that_is_full_is_left_alone() {
        let frames = HostFrames::new(1);
        let first = frames.alloc().unwrap();
        let base = first.addr();
        frames.release(first, false);
        let counted = Counted::new(frames, base, Box::leak(Box::new([AtomicU64::new(7)])));
        let frame = counted.alloc().unwrap();
        for word in counted.counts {
            word.store(COUNT, Relaxed);
        }
        assert_eq!(counted.share_frame(&frame), Err(ShareError::TooMany));
        assert_eq!(counted.references(base), Some(u32::MAX));
    }
}
