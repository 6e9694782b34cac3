//! Wrappers of platforms hand every call on, with its answer.

use std::ptr::NonNull;
use std::sync::Mutex;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::testing::Faulty;
use kernel_vm::{
    AllocatorId, Counted, Flush, Frame, FrameAllocator, MemoryArea, PhysAddr, ShareError, Tlb,
};

/// A platform that writes down what it is asked, and whose answers are no method's default.
struct Witness {
    frames: HostFrames,
    calls: Mutex<Vec<&'static str>>,
}

impl Witness {
    fn new() -> Self {
        Self {
            frames: HostFrames::new(4),
            calls: Mutex::default(),
        }
    }

    fn note(&self, call: &'static str) {
        self.calls.lock().unwrap().push(call);
    }

    /// What was asked since the last time.
    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: frames come from the host, which keeps the promises.
unsafe impl FrameAllocator for Witness {
    fn id(&self) -> AllocatorId {
        self.frames.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.note("alloc");
        self.frames.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.note(if dirty { "release, dirty" } else { "release" });
        self.frames.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.note("reach");
        self.frames.reach(at)
    }

    fn counts(&self, _at: PhysAddr) -> bool {
        self.note("counts");
        true
    }

    unsafe fn share(&self, _at: PhysAddr) -> Result<Frame, ShareError> {
        self.note("share");
        Err(ShareError::TooMany)
    }

    fn is_unique(&self, _at: PhysAddr) -> bool {
        self.note("is_unique");
        true
    }
}

impl Tlb for Witness {
    fn flush(&self, _flush: &Flush<'_>) {
        self.note("flush");
    }

    fn made_valid(&self, _made: &Flush<'_>) {
        self.note("made_valid");
    }

    fn made_code(&self, _area: MemoryArea<PhysAddr>) {
        self.note("made_code");
    }

    fn fence(&self, _stale: &Flush<'_>) {
        self.note("fence");
    }

    fn cpu(&self) -> usize {
        self.note("cpu");
        37
    }
}

#[expect(unsafe_code, reason = "a reference is asked for, and refused")]
fn hands_on_frames(wrapper: impl FrameAllocator, inner: &Witness) {
    assert_eq!(wrapper.id(), inner.id());
    for (dirty, given) in [(false, "release"), (true, "release, dirty")] {
        let frame = wrapper.alloc().unwrap();
        let at = frame.addr();
        assert_eq!(wrapper.reach(at), inner.frames.reach(at));
        assert!(wrapper.counts(at) && wrapper.is_unique(at));
        // SAFETY: the frame is this test's, and in no page table.
        let refused = unsafe { wrapper.share(at) }.unwrap_err();
        assert_eq!(refused, ShareError::TooMany);
        wrapper.release(frame, dirty);
        let asked = ["alloc", "reach", "counts", "is_unique", "share", given];
        assert_eq!(inner.calls(), asked);
    }
}

fn hands_on_flushes(wrapper: impl Tlb, inner: &Witness) {
    let page = MemoryArea::from_start_size(PhysAddr::new(0x8020_0000), 4096).unwrap();
    let flush = Flush::everything(page.start());
    wrapper.flush(&flush);
    wrapper.made_valid(&flush);
    wrapper.made_code(page);
    wrapper.fence(&flush);
    assert_eq!(wrapper.cpu(), 37);
    let asked = ["flush", "made_valid", "made_code", "fence", "cpu"];
    assert_eq!(inner.calls(), asked);
}

#[test]
fn a_reference_hands_all_on() {
    let inner = Witness::new();
    hands_on_frames(&inner, &inner);
    hands_on_flushes(&inner, &inner);
}

#[test]
fn a_pair_hands_frames_to_one_and_flushes_to_the_other() {
    let (frames, tlb) = (Witness::new(), Witness::new());
    hands_on_frames((&frames, &tlb), &frames);
    hands_on_flushes((&frames, &tlb), &tlb);
    assert!(frames.calls().is_empty() && tlb.calls().is_empty());
}

#[test]
fn a_platform_that_can_fail_hands_all_on_until_it_does() {
    let inner = Witness::new();
    hands_on_frames(Faulty::new(&inner), &inner);
    hands_on_flushes(Faulty::new(&inner), &inner);
}

/// References are its own affair.
#[test]
fn a_platform_that_is_counted_hears_of_flushes() {
    let inner = Witness::new();
    hands_on_flushes(Counted::new(&inner, PhysAddr::new(0), &mut []), &inner);
}
