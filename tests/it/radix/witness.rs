//! A platform that writes down what it is told, in order, and looks at the page table at that moment.

use std::mem::take;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::{
    AllocatorId, Asid, FRAME_SIZE, Flush, Frame, FrameAllocator, MemoryArea, PhysAddr, ShareError,
    Tlb,
};

use super::shape::{change_word, word};

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

/// What the MMU makes of a leaf that it uses.
pub type Use = fn(u64) -> u64;

/// A handle: clones share everything.
#[derive(Clone)]
pub struct Witness {
    pub frames: HostFrames,
    notes: Arc<Notes>,
}

#[derive(Default)]
struct Notes {
    /// Events, and what the watched word was when they came.
    events: Mutex<Vec<(Event, u64)>>,
    watched: Mutex<Option<PhysAddr>>,
    /// What the MMU makes of the watched word, if it is a valid leaf, as soon as something is valid.
    used: Mutex<Option<Use>>,
    reached: AtomicUsize,
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

    /// Looks at the word at `at` from now on, until its table goes.
    pub fn watch(&self, at: PhysAddr) {
        *self.notes.watched.lock().unwrap() = Some(at);
    }

    /// From now on, the MMU uses the watched page as soon as something is valid, and makes this of its leaf.
    pub fn use_at_once(&self, used: Option<Use>) {
        *self.notes.used.lock().unwrap() = used;
    }

    /// What came since this was last asked, and what the watched word was then.
    pub fn take_watched(&self) -> Vec<(Event, u64)> {
        take(&mut *self.notes.events.lock().unwrap())
    }

    /// What came since this was last asked.
    pub fn take(&self) -> Vec<Event> {
        let events = self.take_watched().into_iter();
        events.map(|(event, _)| event).collect()
    }

    /// The flushes since this was last asked.
    pub fn flushes(&self) -> Vec<Told> {
        let flush = |event| match event {
            Event::Flush(told) => Some(told),
            _ => None,
        };
        self.take().into_iter().filter_map(flush).collect()
    }

    /// How often bytes were reached since this was last asked.
    pub fn reached(&self) -> usize {
        self.notes.reached.swap(0, Relaxed)
    }

    fn note(&self, event: Event) {
        let watched = *self.notes.watched.lock().unwrap();
        let seen = watched.map_or(0, |at| word(&self.frames, at));
        self.notes.events.lock().unwrap().push((event, seen));
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: `HostFrames` keeps the promises, and every call goes to it.
unsafe impl FrameAllocator for Witness {
    fn id(&self) -> AllocatorId {
        self.frames.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.frames.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        let at = frame.addr();
        self.note(Event::Release { at, dirty });
        let mut watched = self.notes.watched.lock().unwrap();
        *watched =
            watched.filter(|word| word.get() / FRAME_SIZE as u64 != at.get() / FRAME_SIZE as u64);
        self.frames.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.notes.reached.fetch_add(1, Relaxed);
        self.frames.reach(at)
    }

    fn counts(&self, at: PhysAddr) -> bool {
        self.frames.counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.frames.share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.frames.is_unique(at)
    }
}

impl Tlb for Witness {
    fn flush(&self, flush: &Flush<'_>) {
        self.note(Event::Flush(Told::new(flush)));
    }

    fn made_valid(&self, made: &Flush<'_>) {
        self.note(Event::Valid(Told::new(made)));
        let used = *self.notes.used.lock().unwrap();
        let watched = *self.notes.watched.lock().unwrap();
        if let (Some(at), Some(used)) = (watched, used) {
            let use_it = |leaf| if leaf & 1 != 0 { used(leaf) } else { leaf };
            change_word(&self.frames, at, use_it);
        }
    }

    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        self.note(Event::Code(area));
    }
}
