//! A platform that writes down what it is told, in order.

use std::mem::take;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::{Asid, Flush, Frame, FrameAllocator, MemoryArea, PhysAddr, Tlb};

/// What a platform is told.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Event {
    Flush(Told),
    Release { at: PhysAddr, dirty: bool },
    Valid(Told),
    Code(MemoryArea<PhysAddr>),
}

/// What a flush says, or the news that something is valid.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Told {
    pub root: PhysAddr,
    pub asid: Option<Asid>,
    pub ranges: Option<Vec<MemoryArea>>,
    pub tables: bool,
    pub is_global: bool,
}

impl Told {
    fn new(flush: &Flush<'_>) -> Self {
        Self {
            root: flush.root(),
            asid: flush.asid(),
            ranges: flush.ranges().map(<[MemoryArea]>::to_vec),
            tables: flush.tables(),
            is_global: flush.is_global(),
        }
    }
}

/// A handle: clones share everything.
#[derive(Clone)]
pub struct Witness {
    pub frames: HostFrames,
    notes: Arc<Notes>,
}

#[derive(Default)]
struct Notes {
    events: Mutex<Vec<Event>>,
}

impl Witness {
    pub fn new(frames: usize) -> Self {
        Self {
            frames: HostFrames::new(frames),
            notes: Arc::default(),
        }
    }

    pub fn in_use(&self) -> usize {
        self.frames.frames_in_use()
    }

    /// What came since this was last asked.
    pub fn take(&self) -> Vec<Event> {
        take(&mut *self.notes.events.lock().unwrap())
    }

    /// The flushes since this was last asked.
    pub fn flushes(&self) -> Vec<Told> {
        let flush = |event| match event {
            Event::Flush(told) => Some(told),
            _ => None,
        };
        self.take().into_iter().filter_map(flush).collect()
    }

    fn note(&self, event: Event) {
        self.notes.events.lock().unwrap().push(event);
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: `HostFrames` keeps the promises, and every call goes to it.
unsafe impl FrameAllocator for Witness {
    fn alloc(&self) -> Option<Frame> {
        self.frames.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        let at = frame.addr();
        self.note(Event::Release { at, dirty });
        self.frames.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.frames.reach(at)
    }
}

impl Tlb for Witness {
    fn flush(&self, flush: &Flush<'_>) {
        self.note(Event::Flush(Told::new(flush)));
    }

    fn made_valid(&self, made: &Flush<'_>) {
        self.note(Event::Valid(Told::new(made)));
    }

    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        self.note(Event::Code(area));
    }
}
