//! A platform that writes down what it hears.

use std::cell::RefCell;
use std::ptr::NonNull;
use std::rc::Rc;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::{
    AllocatorId, Asid, Flush, Frame, FrameAllocator, MemoryArea, PhysAddr, ShareError, Tlb,
};

/// A call of a hook, with what the order names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Flush(PhysAddr, Option<Asid>, Option<Vec<MemoryArea>>),
    MadeValid(Vec<MemoryArea>),
    Fence(PhysAddr, Asid, Vec<MemoryArea>),
    MadeCode(MemoryArea<PhysAddr>),
}

type Hook = Rc<dyn Fn()>;

struct Log {
    frames: HostFrames,
    calls: RefCell<Vec<Call>>,
    on_flush: RefCell<Hook>,
}

#[derive(Clone)]
pub struct Watched(Rc<Log>);

impl Watched {
    pub fn new(frames: HostFrames) -> Self {
        Self(Rc::new(Log {
            frames,
            calls: RefCell::default(),
            on_flush: RefCell::new(Rc::new(|| ())),
        }))
    }

    pub fn frames(&self) -> &HostFrames {
        &self.0.frames
    }

    /// The calls since this was last asked.
    pub fn take(&self) -> Vec<Call> {
        self.0.calls.take()
    }

    /// Lets `hook` run in the middle of each flush.
    pub fn on_flush(&self, hook: impl Fn() + 'static) {
        *self.0.on_flush.borrow_mut() = Rc::new(hook);
    }

    fn note(&self, call: Call) {
        self.0.calls.borrow_mut().push(call);
    }
}

fn ranges(flush: &Flush<'_>) -> Option<Vec<MemoryArea>> {
    flush.ranges().map(<[_]>::to_vec)
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: every call goes on to the frames.
unsafe impl FrameAllocator for Watched {
    fn id(&self) -> AllocatorId {
        self.0.frames.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.0.frames.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.0.frames.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.0.frames.reach(at)
    }

    fn counts(&self, at: PhysAddr) -> bool {
        self.0.frames.counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.0.frames.share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.0.frames.is_unique(at)
    }
}

impl Tlb for Watched {
    fn flush(&self, flush: &Flush<'_>) {
        let hook = self.0.on_flush.borrow().clone();
        hook();
        self.note(Call::Flush(flush.root(), flush.asid(), ranges(flush)));
    }

    fn made_valid(&self, made: &Flush<'_>) {
        self.note(Call::MadeValid(ranges(made).unwrap_or_default()));
    }

    fn fence(&self, stale: &Flush<'_>) {
        let asid = stale.asid().unwrap_or(Asid::new(0));
        let ranges = ranges(stale).unwrap_or_default();
        self.note(Call::Fence(stale.root(), asid, ranges));
    }

    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        self.note(Call::MadeCode(area));
    }
}
