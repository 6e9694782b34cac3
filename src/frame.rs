//! Physical frames, and the half of the platform that hands them out.

use core::num::NonZeroUsize;
use core::ptr::NonNull;

use crate::addr::PhysAddr;

/// The size of a frame in bytes, and its alignment.
pub const FRAME_SIZE: usize = 4096;

/// Whose frames are whose: which allocator a [`Frame`] came from, and so how its bytes are reached.
///
/// A physical address alone does not say it: the memories of two guests both begin at the same address. Values are
/// equal where the frames of one allocator may be reached and released by the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AllocatorId(NonZeroUsize);

impl AllocatorId {
    /// The memory of this machine: its addresses tell its frames apart, and whoever manages a part of it reaches all of
    /// it alike, and takes back any frame of it.
    // No value ends behind the last address, so none is there.
    pub const MACHINE: Self = Self(NonZeroUsize::MAX);

    /// An allocator to which the value at `place` belongs, and to no other: an id that nobody else has as long as that
    /// stays where it is. Does not compile for a type without bytes, whose values may all be at one place. O(1).
    #[must_use]
    pub fn of<T>(place: &T) -> Self {
        const { assert!(size_of::<T>() > 0, "values without bytes share a place") };
        Self(NonNull::from(place).addr())
    }

    /// As [`of`](Self::of), for a place that is the allocator's own.
    #[cfg(feature = "alloc")]
    pub(crate) const fn at(place: NonZeroUsize) -> Self {
        Self(place)
    }
}

/// One owned reference to a physical frame of [`FRAME_SIZE`] bytes.
///
/// It is not `Copy`, and has no destructor: a `Frame` that is lost leaks its memory, and never frees it twice.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a frame that is dropped is leaked: give it back with `FrameAllocator::release`"]
pub struct Frame {
    addr: PhysAddr,
    allocator: AllocatorId,
}

impl Frame {
    /// The reference to the frame at `addr` of this machine's memory, for allocators to hand out whose
    /// [id](FrameAllocator::id) is [`AllocatorId::MACHINE`].
    ///
    /// # Safety
    /// As [`of`](Self::of), with that id.
    #[expect(
        unsafe_code,
        reason = "a forged frame would be given back to the allocator that never handed it out"
    )]
    pub const unsafe fn from_addr(addr: PhysAddr) -> Self {
        Self {
            addr,
            allocator: AllocatorId::MACHINE,
        }
    }

    /// The reference to the frame at `addr` in the memory of the allocators with this id, for them to hand out.
    ///
    /// # Safety
    /// The caller owns the reference and gives it up: nobody else holds or makes it again, until it is released. Every
    /// allocator that answers this id reaches the frame's bytes, as [`FrameAllocator`] promises.
    #[expect(
        unsafe_code,
        reason = "a forged frame would be given back to the allocator that never handed it out"
    )]
    pub const unsafe fn of(allocator: AllocatorId, addr: PhysAddr) -> Self {
        Self { addr, allocator }
    }

    /// Where the frame is.
    #[must_use]
    pub const fn addr(&self) -> PhysAddr {
        self.addr
    }

    /// Which allocator it goes back to: one with this id.
    #[must_use]
    pub const fn allocator(&self) -> AllocatorId {
        self.allocator
    }

    /// Gives up the value but not the reference: whoever keeps the address, and the
    /// [allocator](Self::allocator)'s id, keeps that.
    #[must_use]
    pub const fn into_addr(self) -> PhysAddr {
        self.addr
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
/// *For who calls it:* a frame is yours until you release it, at most once, to an allocator with the
/// [id](Frame::allocator) that it came with. After `None`, nothing has changed, and a later call may succeed.
///
/// Safe code may call `release` with the frame of another allocator. Its id tells: an implementation leaks such a
/// frame, or panics before anything has changed. [`AllocatorId::MACHINE`] is the exception, as all who answer that
/// share one memory.
///
/// A method that panics leaves the page table sound, and makes it leak at most the frames that
/// [`backend::radix`](crate::backend::radix#when-a-hook-panics) lists.
///
/// # Safety
/// The crate writes page tables through what [`reach`](Self::reach) answers, so for every frame that
/// [`alloc`](Self::alloc) has handed out, until it is released, even if this value is dropped before:
/// - it is [`FRAME_SIZE`] bytes at a multiple of that;
/// - nobody else reads, writes, hands out or unmaps its bytes;
/// - `reach` of any address inside it answers a pointer to that byte which is valid for reads and writes up to the
///   end of the frame, and has the address's own alignment up to [`FRAME_SIZE`]; the same address, the same pointer;
/// - `alloc` hands it out with this value's own [`id`](Self::id), and no allocator answers that id which cannot reach
///   the frame alike, and take it back. So [`AllocatorId::MACHINE`] is for memory that is the machine's own and is
///   reached in one way; the memory of a guest, or a simulated one, has an id of its own.
///
/// `release` does no harm to memory, whatever frame it is given.
///
/// [`Tlb`]: crate::Tlb
#[expect(
    unsafe_code,
    reason = "the crate dereferences what the implementation answers"
)]
pub unsafe trait FrameAllocator {
    /// Whose frames these are: the same answer as long as this value lives. What hands calls on to another allocator
    /// hands this on, too. O(1).
    fn id(&self) -> AllocatorId {
        AllocatorId::MACHINE
    }

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
    fn id(&self) -> AllocatorId {
        (**self).id()
    }

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
