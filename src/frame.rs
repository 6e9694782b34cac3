//! Physical frames, and the half of the platform that hands them out.
//!
//! A frame is a value with one owner: the allocator, a page table, or the kernel between the two. So who owns memory is
//! seen in the types. An allocator may count references, and hand out more than one of such values for a frame.

use core::fmt;
use core::num::NonZeroUsize;
use core::ptr::NonNull;

use crate::addr::PhysAddr;

/// The size of a frame in bytes, and its alignment.
pub const FRAME_SIZE: usize = 4096;

/// The name of the memory that a [`Frame`] is of: it tells which allocators reach the frame's bytes and take it back.
///
/// A physical address alone does not say it: the memories of two guests both begin at the same address. Values are
/// equal where the frames of one allocator may be reached and released by the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AllocatorId(NonZeroUsize);

impl AllocatorId {
    /// The memory of this machine, whose addresses tell its frames apart.
    ///
    /// Every allocator that manages a part of it reaches all of it alike, and takes back any frame of it.
    // No value ends behind the last address, so none is there.
    pub const MACHINE: Self = Self(NonZeroUsize::MAX);

    /// The id of an allocator to which the value at `place` belongs, and to no other. O(1).
    ///
    /// Nobody else has it as long as the value stays where it is. It does not compile for a type without bytes, whose
    /// values may all be at one place.
    ///
    /// ```
    /// # use kernel_vm::AllocatorId;
    /// let (guest, other) = (Box::new([0_u8; 4096]), Box::new([0_u8; 4096]));
    /// assert_eq!(AllocatorId::of(&*guest), AllocatorId::of(&*guest));
    /// assert_ne!(AllocatorId::of(&*guest), AllocatorId::of(&*other));
    /// assert_ne!(AllocatorId::of(&*guest), AllocatorId::MACHINE);
    /// ```
    #[must_use]
    pub fn of<T>(place: &T) -> Self {
        const { assert!(size_of::<T>() > 0, "values without bytes share a place") };
        Self(NonNull::from(place).addr())
    }

    /// The id of an allocator whose own this place is. O(1).
    #[cfg(feature = "alloc")]
    pub(crate) const fn at(place: NonZeroUsize) -> Self {
        Self(place)
    }
}

/// One owned reference to a physical frame of [`FRAME_SIZE`] bytes.
///
/// It is not `Copy`, and has no destructor: a `Frame` that is lost leaks its memory, and never frees it twice.
///
/// ```
/// use kernel_vm::FrameAllocator;
/// use kernel_vm::backend::mock::HostFrames;
///
/// let frames = HostFrames::new(1);
/// let frame = frames.alloc().ok_or("out of frames")?;
/// assert_eq!(frame.allocator(), frames.id());
/// frames.release(frame, false); // the value is gone: nobody can release it twice
/// assert_eq!(frames.frames_in_use(), 0);
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a frame that is dropped is leaked: give it back with `FrameAllocator::release`"]
pub struct Frame {
    addr: PhysAddr,
    allocator: AllocatorId,
}

impl Frame {
    /// The reference to the frame at `addr` of this machine's memory, for its allocators to hand out. O(1).
    ///
    /// Their [id](FrameAllocator::id) is [`AllocatorId::MACHINE`].
    ///
    /// ```
    /// # use kernel_vm::{AllocatorId, Frame, PhysAddr};
    /// // SAFETY: nobody has this frame, and nobody takes it back.
    /// let frame = unsafe { Frame::from_addr(PhysAddr::new(0x8020_0000)) };
    /// assert_eq!(frame.allocator(), AllocatorId::MACHINE);
    /// ```
    ///
    /// # Safety
    /// - The caller owns the reference and gives it up: nobody else holds or makes it again, until it is released.
    /// - Every allocator that answers [`AllocatorId::MACHINE`] reaches the frame's bytes, as [`FrameAllocator`]
    ///   promises.
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

    /// The reference to the frame at `addr` in the memory of the allocators with this id, for them to hand out. O(1).
    ///
    /// ```
    /// # use kernel_vm::{AllocatorId, Frame, PhysAddr};
    /// let memory = [0_u8; 4096];
    /// let guest = AllocatorId::of(&memory);
    /// // SAFETY: nobody has this frame of the guest, and nobody takes it back.
    /// let frame = unsafe { Frame::of(guest, PhysAddr::new(0)) };
    /// assert_eq!((frame.addr(), frame.allocator()), (PhysAddr::new(0), guest));
    /// ```
    ///
    /// # Safety
    /// - The caller owns the reference and gives it up: nobody else holds or makes it again, until it is released.
    /// - Every allocator that answers this id reaches the frame's bytes, as [`FrameAllocator`] promises.
    #[expect(
        unsafe_code,
        reason = "a forged frame would be given back to the allocator that never handed it out"
    )]
    pub const unsafe fn of(allocator: AllocatorId, addr: PhysAddr) -> Self {
        Self { addr, allocator }
    }

    /// The address of the frame's first byte.
    #[must_use]
    pub const fn addr(&self) -> PhysAddr {
        self.addr
    }

    /// The id of the allocators that the frame may go back to.
    #[must_use]
    pub const fn allocator(&self) -> AllocatorId {
        self.allocator
    }

    /// Gives up the value but not the reference: whoever keeps the address and the [id](Self::allocator) keeps that.
    #[must_use]
    pub const fn into_addr(self) -> PhysAddr {
        self.addr
    }
}

/// Why there is no further reference to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShareError {
    /// The allocator does not count references: each frame has one.
    Uncounted,
    /// The frame has been given back meanwhile.
    Free,
    /// The count is as high as it goes.
    TooMany,
}

impl fmt::Display for ShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uncounted => "the allocator does not count references to frames",
            Self::Free => "the frame has been given back",
            Self::TooMany => "the frame has as many references as can be counted",
        })
    }
}

impl core::error::Error for ShareError {}

/// The source of frames, and the way to their bytes: half of the platform (the other is [`Tlb`]).
///
/// All methods take `&self` and may be called on several CPUs at once. None is called under a lock of this crate.
/// A kernel's own lock around the address space may be held, so `alloc` must not need that lock (no reclaim that
/// walks the same space).
///
/// *For who implements it:* `alloc` answers `None` when it has no frame; it never blocks for one. The bytes of a
/// new frame may be anything: the crate clears those that must be clear.
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
/// Here physical memory is mapped at its own addresses; the guide's page on the platform has it at an offset.
///
/// ```
/// use core::ptr::{NonNull, with_exposed_provenance_mut};
/// use kernel_vm::{Frame, FrameAllocator, PhysAddr};
/// # use std::sync::Mutex; // yours
///
/// struct Board(Mutex<Vec<PhysAddr>>);
///
/// // SAFETY: the list holds each free frame once; it is mapped, and nobody else touches it.
/// unsafe impl FrameAllocator for Board {
///     fn alloc(&self) -> Option<Frame> {
///         let addr = self.0.lock().unwrap().pop()?;
///         // SAFETY: it was in the list, and now it is not.
///         Some(unsafe { Frame::from_addr(addr) })
///     }
///
///     fn release(&self, frame: Frame, _dirty: bool) {
///         if frame.allocator() == self.id() {
///             self.0.lock().unwrap().push(frame.into_addr());
///         } // else it is another's, and leaked: safe code may try
///     }
///
///     fn reach(&self, at: PhysAddr) -> NonNull<u8> {
///         NonNull::new(with_exposed_provenance_mut(at.get() as usize)).expect("address 0 is free")
///     }
/// }
///
/// # #[repr(align(4096))] struct Page([u8; 4096]);
/// # let page = Box::leak(Box::new(Page([0; 4096])));
/// # let free = PhysAddr::new(page.0.as_mut_ptr().expose_provenance() as u64);
/// let board = Board(Mutex::new(vec![free]));
/// let frame = board.alloc().unwrap();
/// assert_eq!((frame.addr(), board.alloc()), (free, None));
/// board.release(frame, false);
/// ```
///
/// # Safety
/// The crate writes page tables through the pointers of [`reach`](Self::reach). So these hold for every frame that
/// [`alloc`](Self::alloc) has handed out, until it is released, even if this value is dropped before:
/// - it is [`FRAME_SIZE`] bytes at a multiple of that;
/// - nobody else reads, writes, hands out or unmaps its bytes;
/// - `reach` of any address inside it answers a pointer to that byte, valid for reads and writes up to the end of the
///   frame;
/// - that pointer has the address's own alignment up to [`FRAME_SIZE`], and is one and the same at every call;
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
    /// The id of this allocator's frames: one answer as long as the value lives. O(1).
    ///
    /// The default is the machine's own memory. An allocator that hands calls on to another hands this on, too.
    fn id(&self) -> AllocatorId {
        AllocatorId::MACHINE
    }

    /// Hands out a frame that nobody uses, or answers `None` when there is none.
    ///
    /// Its bytes may be anything. After `None` the allocator is as before. It must not call back into the space or the
    /// page table that asks: a verb is under way there, and the kernel's lock around the space may be held.
    fn alloc(&self) -> Option<Frame>;

    /// Takes `frame` back, after every flush that it waited for.
    ///
    /// `dirty` says whether its bytes may have been written through a mapping since it was allocated or shared: of use
    /// to a page cache, which then writes it to disk. It is false for page tables. As [`alloc`](Self::alloc), it must
    /// not call back into the space or the page table.
    fn release(&self, frame: Frame, dirty: bool);

    /// A pointer to the byte at `at`, in a frame that is in use.
    ///
    /// Any other address is the caller's mistake, who then does not use the answer; an implementation may panic.
    fn reach(&self, at: PhysAddr) -> NonNull<u8>;

    /// Whether references to the frame that holds `at` are counted, so that there may be more than one: the same answer
    /// as long as the frame is handed out. False by default. O(1).
    fn counts(&self, at: PhysAddr) -> bool {
        let _ = at;
        false
    }

    /// One more reference to the frame that holds `at`, for an allocator that counts them, as
    /// [`Counted`](crate::Counted) does. The default counts none. O(1).
    ///
    /// *For who implements it:* the frame may have been given back a moment ago, by another CPU. Then the answer is
    /// [`ShareError::Free`]: a count never goes from 0 to 1 here. It may even have been handed out again since: write its
    /// first count with Release in [`alloc`](Self::alloc), and count here with Acquire. So the caller's second look at
    /// the entry finds that it has changed.
    ///
    /// # Errors
    /// No count has changed: [`ShareError::Uncounted`], [`ShareError::Free`], [`ShareError::TooMany`].
    ///
    /// # Safety
    /// The caller holds a [`Frame`] of it (then [`share_frame`](Self::share_frame) is safe), or has read its address in
    /// an entry that owns it, and looks at that entry again. Unless the entry still owns the frame, the reference is
    /// given back and nothing else is done with it. The frame may be a table's by then.
    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        let _ = at;
        Err(ShareError::Uncounted)
    }

    /// One more reference to a frame that the caller holds: for a page cache, or a second space. O(1).
    ///
    /// # Errors
    /// As [`share`](Self::share); [`ShareError::Free`] also for a frame of another allocator.
    fn share_frame(&self, frame: &Frame) -> Result<Frame, ShareError> {
        if frame.allocator() != self.id() {
            return Err(ShareError::Free);
        }
        // SAFETY: whoever holds a `Frame` owns a reference to it, so nobody has the frame to himself as a table.
        unsafe { self.share(frame.addr()) }
    }

    /// Whether the frame that holds `at` has no more than one reference. By default it has where nobody
    /// [counts](Self::counts), as each [`Frame`] is the only reference then, and may have more elsewhere. O(1).
    ///
    /// *For who implements it:* read the count with Acquire, and subtract from it with Release. So the reads and writes
    /// of whoever has given a reference back have ended when this answers true.
    fn is_unique(&self, at: PhysAddr) -> bool {
        !self.counts(at)
    }
}

#[expect(
    unsafe_code,
    reason = "each method is the borrowed allocator's own, so its promises hold"
)]
// SAFETY:
// - every call goes to the method of that name of one `P`, which keeps the promises;
// - a reference that is dropped leaves that `P` as it is.
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

    fn counts(&self, at: PhysAddr) -> bool {
        (**self).counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { (**self).share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        (**self).is_unique(at)
    }
}

#[expect(
    unsafe_code,
    reason = "each method is the first half's own, so its promises hold"
)]
// SAFETY:
// - every call goes to the method of that name of one `F`, which keeps the promises;
// - the other half is asked nothing, and a pair that is dropped drops that `F`, as it may be dropped.
unsafe impl<F: FrameAllocator, T> FrameAllocator for (F, T) {
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

    fn counts(&self, at: PhysAddr) -> bool {
        self.0.counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.0.share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.0.is_unique(at)
    }
}
