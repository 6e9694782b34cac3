//! The laws of frame allocators: those of this crate keep them, and each lie is found.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::testing::{self, Faulty};
use kernel_vm::{AllocatorId, Counted, FRAME_SIZE, Frame, FrameAllocator, PhysAddr, ShareError};

#[test]
fn the_allocators_of_this_crate_keep_the_laws() {
    let frames = HostFrames::new(50);
    testing::frames(&frames).unwrap();
    testing::frames(&&frames).unwrap();
    testing::frames(&(&frames, ())).unwrap();
    assert_eq!(frames.frames_in_use(), 0);
    let faulty = Faulty::new(frames.clone());
    testing::frames(&faulty).unwrap();
    assert_eq!((faulty.frames_in_use(), frames.frames_in_use()), (0, 0));
    let frame = faulty.alloc().unwrap();
    let said = format!("{faulty:?}");
    assert!(said.starts_with("Faulty { inner: HostFrames"), "{said}");
    assert!(said.ends_with("frames_in_use: 1, .. }"), "{said}");
    faulty.release(frame, false);
}

#[test]
fn counted_frames_keep_the_laws() {
    let frames = HostFrames::new(50);
    let first = frames.alloc().unwrap();
    let base = first.addr();
    frames.release(first, false);
    let counts = Box::leak(Box::new([const { AtomicU64::new(0) }; 50]));
    testing::frames(&Counted::new(frames.clone(), base, counts)).unwrap();
    assert_eq!(frames.frames_in_use(), 0);
}

/// What an allocator lies about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    Id,
    Unstable,
    Shifted,
    SameBytes,
    /// Two frames that are neighbours have the bytes of one.
    TwoAreOne,
    Lost,
    Shares,
    NeverUnique,
    LostSome,
    Endless,
}

/// An allocator over `HostFrames`, which lies.
struct Liar {
    frames: HostFrames,
    lie: Lie,
    calls: Cell<usize>,
    kept: RefCell<Vec<Frame>>,
    page: PhysAddr,
}

impl Liar {
    fn new(lie: Lie) -> Self {
        let frames = HostFrames::new(20);
        let first = frames.alloc().unwrap();
        let page = first.addr();
        let kept = RefCell::new(vec![first]);
        let calls = Cell::new(0);
        Self {
            frames,
            lie,
            calls,
            kept,
            page,
        }
    }

    fn lies(&self, lie: Lie) -> bool {
        self.calls.set(self.calls.get() + 1);
        self.lie == lie
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: none of its lies is about memory that is not the pool's own, and its users here store bytes as atomics.
unsafe impl FrameAllocator for Liar {
    fn id(&self) -> AllocatorId {
        if self.lies(Lie::Id) && self.calls.get() % 3 == 0 {
            return AllocatorId::MACHINE;
        }
        self.frames.id()
    }

    fn alloc(&self) -> Option<Frame> {
        let frame = self.frames.alloc();
        if self.lie != Lie::Endless {
            return frame;
        }
        // SAFETY: nobody uses it but as bytes.
        Some(unsafe { Frame::of(self.frames.id(), self.page) })
    }

    fn release(&self, frame: Frame, dirty: bool) {
        let is_last = self.frames.references(frame.addr()) == 1;
        let is_fifth = self.calls.get() % 5 == 0;
        if is_last && (self.lies(Lie::Lost) || self.lie == Lie::LostSome && is_fifth) {
            self.kept.borrow_mut().push(frame);
        } else {
            self.frames.release(frame, dirty);
        }
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        let offset = usize::try_from(at.get()).unwrap() % FRAME_SIZE;
        if self.lies(Lie::SameBytes) {
            return self.frames.reach(self.page.checked_add(offset).unwrap());
        }
        let number = (at.get() - self.page.get()) / FRAME_SIZE as u64;
        if self.lies(Lie::TwoAreOne) && number == 3 {
            return self.frames.reach(at).map_addr(|addr| {
                let before = addr.get() - FRAME_SIZE;
                before.try_into().unwrap()
            });
        }
        let shift = match self.lie {
            Lie::Shifted => 8,
            Lie::Unstable if offset > 0 => self.calls.get() % 2,
            _ => 0,
        };
        self.frames
            .reach(at)
            .map_addr(|addr| addr.saturating_add(shift))
    }

    fn counts(&self, at: PhysAddr) -> bool {
        self.lie != Lie::Shares && self.frames.counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.frames.share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.lie != Lie::NeverUnique && self.frames.is_unique(at)
    }
}

#[test]
fn each_lie_of_an_allocator_is_found_and_named() {
    let laws = [
        (
            Lie::Id,
            "a frame comes with its allocator's id, which stays the same",
        ),
        (
            Lie::Unstable,
            "each byte of a frame is reached at one pointer, at the same distance from the first",
        ),
        (
            Lie::Shifted,
            "the pointer to a frame is aligned as the frame is",
        ),
        (
            Lie::SameBytes,
            "the bytes of a frame are its owner's, and stay as they were written",
        ),
        (
            Lie::TwoAreOne,
            "the bytes of a frame are its owner's, and stay as they were written",
        ),
        (
            Lie::Lost,
            "an allocator that has no frame left answers None, and one that has some does not",
        ),
        (
            Lie::LostSome,
            "a frame that was given back is handed out again, and no other",
        ),
        (
            Lie::Shares,
            "an allocator that counts no references shares no frame",
        ),
        (
            Lie::NeverUnique,
            "a counted frame can be shared, and is unique with its last reference alone",
        ),
        (
            Lie::Endless,
            "an allocator that has no frame left answers None, and one that has some does not",
        ),
    ];
    testing::frames(&Liar::new(Lie::None)).unwrap();
    for (lie, law) in laws {
        let broken = testing::frames(&Liar::new(lie)).unwrap_err();
        assert_eq!(broken.law(), law, "{lie:?}: {broken}");
    }
}
