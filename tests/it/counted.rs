//! Frames with more than one reference.

use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::thread;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::{AllocatorId, Counted, FRAME_SIZE, Frame, FrameAllocator, PhysAddr, ShareError};

/// Where the first frame of this memory is.
fn base(frames: &HostFrames) -> PhysAddr {
    let first = frames.alloc().unwrap();
    let base = first.addr();
    frames.release(first, false);
    base
}

fn counts(frames: usize) -> &'static mut [AtomicU64] {
    Vec::leak((0..frames).map(|_| AtomicU64::new(0)).collect())
}

fn counted(frames: usize) -> (Counted<HostFrames>, HostFrames) {
    let host = HostFrames::new(frames);
    let base = base(&host);
    (Counted::new(host.clone(), base, counts(frames)), host)
}

/// A platform that writes down which frames come back, and whether they are dirty.
struct Witness {
    host: HostFrames,
    released: RefCell<Vec<(PhysAddr, bool)>>,
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: every call goes on to `host`.
unsafe impl FrameAllocator for Witness {
    fn id(&self) -> AllocatorId {
        self.host.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.host.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.released.borrow_mut().push((frame.addr(), dirty));
        self.host.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.host.reach(at)
    }
}

/// What `share` answers for an address that the caller has no `Frame` of.
fn share(counted: &impl FrameAllocator, at: PhysAddr) -> Result<Frame, ShareError> {
    // SAFETY: no frame in these tests is a page table's.
    #[expect(unsafe_code, reason = "a frame that may be gone")]
    unsafe {
        counted.share(at)
    }
}

#[test]
fn a_frame_goes_back_with_its_last_reference() {
    let (counted, host) = counted(2);
    let frame = counted.alloc().unwrap();
    let at = frame.addr();
    assert_eq!(
        (counted.references(at), counted.is_unique(at)),
        (Some(1), true)
    );
    let other = counted.share_frame(&frame).unwrap();
    assert_eq!((other.addr(), other.allocator()), (at, counted.id()));
    assert_eq!(
        (counted.references(at), counted.is_unique(at)),
        (Some(2), false)
    );
    counted.release(frame, false);
    assert_eq!((host.frames_in_use(), counted.is_unique(at)), (1, true));
    counted.release(other, false);
    assert_eq!((host.frames_in_use(), counted.references(at)), (0, Some(0)));
}

#[test]
fn a_frame_that_is_gone_is_not_counted_from_nothing() {
    let (counted, host) = counted(1);
    let frame = counted.alloc().unwrap();
    let at = frame.addr();
    counted.release(frame, false);
    assert_eq!(share(&counted, at), Err(ShareError::Free));
    assert_eq!((counted.references(at), host.frames_in_use()), (Some(0), 0));
}

#[test]
fn an_address_in_the_middle_of_a_frame_leads_to_all_of_it() {
    let (counted, _host) = counted(2);
    let frames = [counted.alloc().unwrap(), counted.alloc().unwrap()];
    let middle = PhysAddr::new(frames[1].addr().get() + 0x123);
    let shared = share(&counted, middle).unwrap();
    assert_eq!(shared.addr(), frames[1].addr());
    assert_eq!(
        frames.map(|frame| counted.references(frame.addr())),
        [Some(1), Some(2)]
    );
}

#[test]
fn whoever_wrote_first_is_told_with_the_last_reference() {
    let host = HostFrames::new(1);
    let (base, released) = (base(&host), RefCell::default());
    let counted = Counted::new(Witness { host, released }, base, counts(1));
    let rounds = [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
        [false, false],
    ];
    for dirty in rounds {
        let frame = counted.alloc().unwrap();
        let other = counted.share_frame(&frame).unwrap();
        assert_eq!(counted.is_dirty(base), Some(false));
        counted.release(frame, dirty[0]);
        assert_eq!(counted.is_dirty(base), Some(dirty[0]));
        assert!(counted.inner().released.borrow().is_empty());
        counted.release(other, dirty[1]);
        let expected = vec![(base, dirty[0] || dirty[1])];
        assert_eq!(counted.inner().released.take(), expected);
    }
}

#[test]
fn frames_outside_of_the_counted_memory_have_one_reference_each() {
    let host = HostFrames::new(2);
    let base = base(&host);
    let counted = Counted::new(host.clone(), base, counts(1));
    let frames = [counted.alloc().unwrap(), counted.alloc().unwrap()];
    let outside = frames[1].addr();
    assert_eq!(outside.get(), base.get() + FRAME_SIZE as u64);
    assert_eq!(counted.references(outside), None);
    assert_eq!(counted.share_frame(&frames[1]), Err(ShareError::Uncounted));
    assert!(counted.is_unique(outside));
    for frame in frames {
        counted.release(frame, false);
    }
    assert_eq!(host.frames_in_use(), 0);
}

#[test]
fn without_counts_nothing_changes() {
    let host = HostFrames::new(1);
    let counted = Counted::new(host.clone(), PhysAddr::new(0), &mut []);
    assert_eq!(counted.id(), host.id());
    let frame = counted.alloc().unwrap();
    assert_eq!(counted.share_frame(&frame), Err(ShareError::Uncounted));
    host.release(frame, false); // either side takes it back
    assert_eq!(host.frames_in_use(), 0);
}

#[test]
fn the_frames_of_another_are_neither_counted_nor_given_back() {
    let (counted, host) = counted(2);
    let foreign = host.alloc().unwrap();
    assert_eq!(counted.share_frame(&foreign), Err(ShareError::Free));
    let at = foreign.addr();
    counted.release(foreign, false);
    assert_eq!((host.frames_in_use(), counted.references(at)), (1, Some(0)));
    assert_ne!(counted.id(), host.id());
}

#[test]
fn threads_that_share_and_release_lose_no_frame_and_free_none_twice() {
    const THREADS: usize = 4;
    let (counted, host) = counted(2);
    let counted = &counted;
    for _ in 0..500 {
        let frame = counted.alloc().unwrap();
        let at = frame.addr();
        thread::scope(|scope| {
            // Those that find it gone, or free, may find it so at any time.
            for _ in 1..THREADS {
                scope.spawn(move || {
                    for _ in 0..20 {
                        match share(counted, at) {
                            Ok(shared) => counted.release(shared, false),
                            Err(error) => assert_eq!(error, ShareError::Free),
                        }
                    }
                });
            }
            counted.release(frame, false);
        });
        assert_eq!((counted.references(at), host.frames_in_use()), (Some(0), 0));
    }
}
