//! Memory of the host, cut into frames, with a count for each.

use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;
use core::num::NonZeroUsize;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;

use crate::frame::FRAME_SIZE;

/// One allocation: bytes that are skipped to reach a multiple of [`FRAME_SIZE`], the frames, a word for the count of
/// each.
///
/// It is asked for as zeroed bytes without alignment, because the host has such memory without touching it: what
/// nobody uses costs nothing.
#[derive(Debug)]
pub(super) struct HostMemory {
    /// The beginning of the allocation, as the host's allocator wants it back.
    start: NonNull<u8>,
    /// The first byte of the first frame, a multiple of [`FRAME_SIZE`]. The marks lie behind the last frame.
    base: NonNull<u8>,
    frames: usize,
}

// SAFETY: the memory is this value's own, and any thread may use it and free it.
#[expect(unsafe_code, reason = "pointers are not `Send` by themselves")]
unsafe impl Send for HostMemory {}

// SAFETY:
// - `&self` reaches the counts, which are atomic.
// - `&self` answers pointers into frames, and only the owners of a frame use those.
#[expect(unsafe_code, reason = "pointers are not `Sync` by themselves")]
unsafe impl Sync for HostMemory {}

#[expect(unsafe_code, reason = "frames are bytes behind pointers")]
impl HostMemory {
    /// Memory of this many frames, or of none at all when the host has less. O(1): the host touches none of it.
    pub(super) fn new(frames: usize) -> Self {
        let none = Self {
            start: NonNull::dangling(),
            base: NonNull::dangling(),
            frames: 0,
        };
        Self::allocate(frames).unwrap_or(none)
    }

    fn allocate(frames: usize) -> Option<Self> {
        let layout = Self::layout(frames).filter(|_| frames > 0)?;
        // SAFETY: the layout's size is more than `frames` bytes, which were checked not to be 0.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let skipped = start.addr().get().wrapping_neg() % FRAME_SIZE;
        // SAFETY: that is less than `FRAME_SIZE`, which `layout` has added to what frames and counts need.
        let base = unsafe { start.add(skipped) };
        Some(Self {
            start,
            base,
            frames,
        })
    }

    /// Lets the memory stay for ever: somebody may still use it.
    pub(super) fn leak(&mut self) {
        self.frames = 0;
    }

    fn layout(frames: usize) -> Option<Layout> {
        let size = frames
            .checked_mul(FRAME_SIZE + size_of::<AtomicU32>())?
            .checked_add(FRAME_SIZE)?;
        Layout::array::<u8>(size).ok()
    }

    /// Where the frames begin.
    #[inline]
    pub(super) fn address(&self) -> usize {
        self.place().get()
    }

    /// Where the frames begin: nothing else is there while the memory is.
    #[inline]
    pub(super) fn place(&self) -> NonZeroUsize {
        self.base.addr()
    }

    /// The byte of the frame with this number that has `within` others before it.
    #[inline]
    pub(super) fn byte(&self, index: usize, within: usize) -> Option<NonNull<u8>> {
        if index >= self.frames || within >= FRAME_SIZE {
            return None;
        }
        // SAFETY: there are `frames` frames from `base` on. `index` was checked to be one of them, and `within` to be
        // less than its size.
        Some(unsafe { self.base.add(index * FRAME_SIZE + within) })
    }

    /// How many references whoever hands the frame with this number out has counted; 0 at first.
    #[inline]
    pub(super) fn count(&self, index: usize) -> Option<&AtomicU32> {
        if index >= self.frames {
            return None;
        }
        // SAFETY: behind the frames there is a word for each of them, and `index` was checked to be one of them.
        let count = unsafe {
            self.base
                .add(self.frames * FRAME_SIZE + index * size_of::<AtomicU32>())
        };
        // SAFETY: the word was zeroed, lives as long as `self`, and is only ever used as this atomic. It is aligned,
        // since the frames are, and their size is a multiple of its own.
        Some(unsafe { AtomicU32::from_ptr(count.cast().as_ptr()) })
    }

    /// Fills the frame with this number.
    ///
    /// # Safety
    /// Nobody else uses the frame's bytes meanwhile.
    pub(super) unsafe fn fill(&self, index: usize, byte: u8) {
        if let Some(frame) = self.byte(index, 0) {
            // SAFETY: `frame` points to the first of `FRAME_SIZE` bytes, and the caller has them to itself.
            unsafe { frame.write_bytes(byte, FRAME_SIZE) };
        }
    }

    /// Whether the frame with this number is filled so.
    ///
    /// # Safety
    /// Nobody else writes the frame's bytes meanwhile.
    pub(super) unsafe fn is_filled(&self, index: usize, byte: u8) -> bool {
        self.byte(index, 0).is_some_and(|frame| {
            let bytes = frame.cast::<[u8; FRAME_SIZE]>();
            // SAFETY: `frame` points to the first of `FRAME_SIZE` bytes, which were zeroed at first, and the caller
            // sees to it that nobody writes them.
            *unsafe { bytes.as_ref() } == [byte; FRAME_SIZE]
        })
    }
}

impl Drop for HostMemory {
    #[expect(unsafe_code, reason = "the allocation is this value's own")]
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.frames).filter(|_| self.frames > 0) {
            // SAFETY: with frames there is an allocation, made with this layout, and this value goes with it.
            unsafe { dealloc(self.start.as_ptr(), layout) };
        }
    }
}
