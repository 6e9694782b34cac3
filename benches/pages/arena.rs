//! Frames for all page tables alike, so that none pays for `malloc`, or for the host's own page faults.

use std::alloc::{Layout, alloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{NonNull, with_exposed_provenance_mut};

use kernel_vm::{FRAME_SIZE, Flush, Frame, FrameAllocator, PhysAddr, Tlb};

/// More than the largest page table takes.
const FRAMES: usize = 2048;

/// As large as the host's own large leaves, so that it can use them.
const ALIGN: usize = 2 << 20;

/// What frames are filled with at first: no table is right by chance.
const JUNK: u8 = 0xdb;

/// The addresses of frames, and how many of them, from the first on, are free.
struct Stack {
    frames: Cell<&'static [Cell<u64>]>,
    free: Cell<usize>,
}

thread_local! {
    static STACK: Stack = const {
        Stack {
            frames: Cell::new(&[]),
            free: Cell::new(0),
        }
    };
}

/// A handle to this thread's frames. They lie in one stretch of the host's memory, and physical addresses are the
/// host's own, so that reaching a frame costs nobody anything. The last to come back is the first to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames;

impl Frames {
    /// How many frames are handed out.
    pub(crate) fn in_use(self) -> usize {
        STACK.with(|stack| stack.frames.get().len() - stack.free.get())
    }

    /// Makes the lowest free frame the next to go, and so on: what one page table has left does not slow the next.
    pub(crate) fn sort(self) {
        STACK.with(|stack| {
            let free = &stack.frames.get()[..stack.free.get()];
            let mut sorted: Vec<u64> = free.iter().map(Cell::get).collect();
            sorted.sort_unstable_by(|left, right| right.cmp(left));
            free.iter().zip(sorted).for_each(|(slot, at)| slot.set(at));
        });
    }

    /// Takes back the frame at `at`, for page tables that know addresses alone.
    ///
    /// # Safety
    /// [`alloc`](FrameAllocator::alloc) has answered it, it is not back yet, and nobody uses it.
    #[expect(unsafe_code, reason = "a frame is forged from its address")]
    pub(crate) unsafe fn release_addr(self, at: u64) {
        // SAFETY: the caller gives up the one reference.
        self.release(unsafe { Frame::from_addr(PhysAddr::new(at)) }, false);
    }
}

impl Stack {
    /// Makes the frames, the lowest on top.
    #[cold]
    #[expect(unsafe_code, reason = "frames are memory of the host")]
    fn fill(&self) {
        let layout = Layout::from_size_align(FRAMES * FRAME_SIZE, ALIGN).expect("a size");
        // SAFETY: the size is not 0.
        let start = unsafe { alloc(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the memory is as large as the layout, and nobody else's.
        unsafe { start.write_bytes(JUNK, layout.size()) };
        let start = start.expose_provenance();
        let frames = (0..FRAMES).rev();
        let frames = frames.map(|index| Cell::new((start + index * FRAME_SIZE) as u64));
        self.frames.set(frames.collect::<Vec<_>>().leak());
        self.free.set(FRAMES);
    }
}

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY: the frames lie in memory that is never given back, aligned, and their provenance is exposed. Each is in the
// stack once, and what `alloc` answers is above its top until it is released, to this thread's stack or another's.
unsafe impl FrameAllocator for Frames {
    #[inline]
    fn alloc(&self) -> Option<Frame> {
        STACK.with(|stack| {
            if stack.frames.get().is_empty() {
                stack.fill();
            }
            let top = stack.free.get().checked_sub(1)?;
            let at = stack.frames.get().get(top)?.get();
            stack.free.set(top);
            // SAFETY: it was in the stack, and now it is not.
            Some(unsafe { Frame::from_addr(PhysAddr::new(at)) })
        })
    }

    #[inline]
    fn release(&self, frame: Frame, _dirty: bool) {
        STACK.with(|stack| {
            let top = stack.free.get();
            // A stack that is full loses it: it is another thread's.
            if let Some(slot) = stack.frames.get().get(top) {
                slot.set(frame.into_addr().get());
                stack.free.set(top + 1);
            }
        });
    }

    #[inline]
    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        let byte = with_exposed_provenance_mut(at.get() as usize);
        // SAFETY: no frame is at 0, and nothing but frames is asked for.
        unsafe { NonNull::new_unchecked(byte) }
    }
}

impl Tlb for Frames {
    #[inline]
    fn flush(&self, _flush: &Flush<'_>) {}
}
