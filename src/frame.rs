//! Physical frames, and the half of the platform that hands them out.

use core::ptr::NonNull;

use crate::addr::PhysAddr;

/// The size of a frame in bytes, and its alignment.
pub const FRAME_SIZE: usize = 4096;

/// One owned reference to a physical frame of [`FRAME_SIZE`] bytes.
///
/// It is not `Copy`, and has no destructor: a `Frame` that is lost leaks its memory, and never frees it twice.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a frame that is dropped is leaked: give it back with `FrameAllocator::release`"]
pub struct Frame(PhysAddr);

impl Frame {
    /// The reference to the frame at `addr`, for allocators to hand out.
    ///
    /// # Safety
    /// The caller owns the reference and gives it up: nobody else holds or makes it again, until it is released.
    #[expect(
        unsafe_code,
        reason = "a forged frame would be given back to the allocator that never handed it out"
    )]
    pub const unsafe fn from_addr(addr: PhysAddr) -> Self {
        Self(addr)
    }

    /// Where the frame is.
    #[must_use]
    pub const fn addr(&self) -> PhysAddr {
        self.0
    }

    /// Gives up the value but not the reference: whoever keeps the address keeps that.
    #[must_use]
    pub const fn into_addr(self) -> PhysAddr {
        self.0
    }
}

/// Where frames come from, and how their bytes are reached: half of what a kernel brings (the other is [`Tlb`]).
///
/// All methods take `&self` and may be called on several CPUs at once. None is called under a lock of this crate.
/// A kernel's own lock around the address space may be held, so `alloc` must not need that lock (no reclaim that
/// walks the same space).
///
/// *For who implements it:* `alloc` answers `None` when it has no frame; it never blocks for one. What a new frame
/// contains does not matter: the crate clears what must be clear.
///
/// *For who calls it:* a frame is yours until you release it, at most once, to the allocator that it came from. After
/// `None`, nothing has changed, and a later call may succeed.
///
/// # Safety
/// The crate writes page tables through what [`reach`](Self::reach) answers, so for every frame that
/// [`alloc`](Self::alloc) has handed out, until it is released, even if this value is dropped before:
/// - it is [`FRAME_SIZE`] bytes at a multiple of that;
/// - nobody else reads, writes, hands out or unmaps its bytes;
/// - `reach` of any address inside it answers a pointer to that byte which is valid for reads and writes up to the
///   end of the frame, and has the address's own alignment up to [`FRAME_SIZE`]; the same address, the same pointer.
///
/// [`Tlb`]: crate::Tlb
#[expect(
    unsafe_code,
    reason = "the crate dereferences what the implementation answers"
)]
pub unsafe trait FrameAllocator {
    /// A frame that nobody uses, or `None` when there is none.
    fn alloc(&self) -> Option<Frame>;

    /// Takes `frame` back. `dirty` says whether its bytes may have been written through a mapping since it was
    /// allocated or shared: of use to a page cache, which then writes it to disk. It is false for page tables.
    fn release(&self, frame: Frame, dirty: bool);

    /// A pointer to the byte at `at`, in a frame that is in use. Any other address is the caller's mistake, and what is
    /// answered is not used; an implementation may panic then.
    fn reach(&self, at: PhysAddr) -> NonNull<u8>;
}

#[expect(
    unsafe_code,
    reason = "each method is the borrowed allocator's own, so its promises hold"
)]
// SAFETY: every call goes to the same method of `P`, which keeps the promises.
unsafe impl<P: FrameAllocator + ?Sized> FrameAllocator for &P {
    fn alloc(&self) -> Option<Frame> {
        (**self).alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        (**self).release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        (**self).reach(at)
    }
}
