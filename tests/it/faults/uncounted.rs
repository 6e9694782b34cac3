//! A platform that counts no references.

use std::ptr::NonNull;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::{AllocatorId, Flush, Frame, FrameAllocator, PhysAddr, Tlb};

/// Each frame has one reference.
#[derive(Clone)]
pub struct Uncounted(pub HostFrames);

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: every call goes on to the frames.
unsafe impl FrameAllocator for Uncounted {
    fn id(&self) -> AllocatorId {
        self.0.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.0.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.0.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.0.reach(at)
    }
}

impl Tlb for Uncounted {
    fn flush(&self, flush: &Flush<'_>) {
        self.0.flush(flush);
    }

    fn cpu(&self) -> usize {
        self.0.cpu()
    }
}
