//! Frames for spaces of many pages, counted.

use std::ptr::NonNull;
use std::sync::OnceLock;

use kernel_vm::{Counted, Flush, Frame, FrameAllocator, PhysAddr, Tlb};

use crate::pages::Frames;

/// All frames come from where the arena has many: no duty looks at more bytes of them than it must.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paged;

impl Paged {
    /// The one that counts references.
    pub(super) fn counted() -> &'static Counted<Self> {
        static COUNTED: OnceLock<Counted<Paged>> = OnceLock::new();
        COUNTED.get_or_init(|| {
            let (base, count) = Frames.pages();
            let counts = (0..count).map(|_| 0.into()).collect::<Vec<_>>();
            Counted::new(Self, base, counts.leak())
        })
    }
}

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY: all are those of `Frames`, which keeps them.
unsafe impl FrameAllocator for Paged {
    #[inline]
    fn alloc(&self) -> Option<Frame> {
        Some(Frames.alloc_page())
    }

    #[inline]
    fn release(&self, frame: Frame, dirty: bool) {
        Frames.release(frame, dirty);
    }

    #[inline]
    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        Frames.reach(at)
    }
}

impl Tlb for Paged {
    #[inline]
    fn flush(&self, flush: &Flush<'_>) {
        Frames.flush(flush);
    }

    #[inline]
    fn cpu(&self) -> usize {
        Frames.cpu()
    }
}
