//! A kernel's side of the crate before there is a heap: nodes and frames are in statics.
#![expect(unsafe_code, reason = "a platform")]

use core::cell::Cell;
use core::ptr::{self, NonNull};

use kernel_vm::{AllocatorId, FRAME_SIZE, Flush, Frame, FrameAllocator, PhysAddr, Tlb};

/// All of a static array, for the test that runs this line: it must run once.
macro_rules! fixed {
    ([$kind:ty; $count:literal]) => {{
        static mut VALUES: [$kind; $count] = [const { <$kind>::new() }; $count];
        static TAKEN: core::sync::atomic::AtomicBool = core::sync::atomic::AtomicBool::new(false);
        assert!(!TAKEN.swap(true, core::sync::atomic::Ordering::Relaxed));
        #[expect(unsafe_code, reason = "a static that changes")]
        // SAFETY: nothing else names it, and this line has not run before, as was just checked.
        let values: &'static mut [$kind] = unsafe { &mut *(&raw mut VALUES) };
        values
    }};
}

pub(crate) use fixed;

/// The memory of a frame.
#[repr(align(4096))]
pub struct Page(#[expect(dead_code, reason = "reached by its address")] [u8; FRAME_SIZE]);

impl Page {
    pub const fn new() -> Self {
        // What is in a new frame must not matter.
        Self([0xa5; FRAME_SIZE])
    }
}

/// Up to 64 frames, whose physical address is that of their bytes.
pub struct FixedFrames {
    first: usize,
    /// A bit for each frame that nobody uses.
    free: Cell<u64>,
    flushes: Cell<usize>,
    id: AllocatorId,
}

impl FixedFrames {
    pub fn new(memory: &'static mut [Page]) -> Self {
        assert!(memory.len() < 64);
        let id = memory.first().map_or(AllocatorId::MACHINE, AllocatorId::of);
        Self {
            free: Cell::new((1 << memory.len()) - 1),
            first: memory.as_mut_ptr().expose_provenance(),
            flushes: Cell::new(0),
            id,
        }
    }

    pub fn frames_free(&self) -> u32 {
        self.free.get().count_ones()
    }

    pub fn flushes(&self) -> usize {
        self.flushes.get()
    }
}

// SAFETY: each frame is a `Page` of memory that `new` was given for good, and its bit says who has it.
unsafe impl FrameAllocator for FixedFrames {
    fn id(&self) -> AllocatorId {
        self.id
    }

    fn alloc(&self) -> Option<Frame> {
        let free = self.free.get();
        let frame = free.trailing_zeros();
        self.free.set(free & free.wrapping_sub(1));
        let addr = PhysAddr::new((self.first + frame as usize * FRAME_SIZE) as u64);
        // SAFETY: its bit was set until just now.
        (free != 0).then(|| unsafe { Frame::of(self.id, addr) })
    }

    fn release(&self, frame: Frame, _dirty: bool) {
        assert_eq!(frame.allocator(), self.id, "another allocator's");
        let offset = usize::try_from(frame.into_addr().get()).unwrap() - self.first;
        let bit = 1 << (offset / FRAME_SIZE);
        assert_eq!(self.free.get() & bit, 0, "freed twice");
        self.free.set(self.free.get() | bit);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        let addr = usize::try_from(at.get()).unwrap();
        NonNull::new(ptr::with_exposed_provenance_mut(addr)).unwrap()
    }
}

impl Tlb for FixedFrames {
    fn flush(&self, _flush: &Flush<'_>) {
        self.flushes.set(self.flushes.get() + 1);
    }
}
