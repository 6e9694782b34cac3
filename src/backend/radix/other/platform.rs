//! A platform that looks at one page whenever it is told something.

use alloc::vec::Vec;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering::Acquire};

use spin::Mutex;

use crate::addr::PhysAddr;
use crate::backend::mock::HostFrames;
use crate::flush::{Flush, Tlb};
use crate::frame::{AllocatorId, Frame, FrameAllocator};

/// What the platform was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Flush,
    Valid,
}

pub(super) struct Platform {
    pub(super) frames: HostFrames,
    /// What was told, and the watched word at that moment.
    notes: Mutex<Vec<(Told, u64)>>,
    watched: Mutex<Option<PhysAddr>>,
}

impl Platform {
    pub(super) fn new(frames: usize) -> Self {
        Self {
            frames: HostFrames::new(frames),
            notes: Mutex::default(),
            watched: Mutex::default(),
        }
    }

    /// Looks at the word at `at` from now on.
    pub(super) fn watch(&self, at: PhysAddr) {
        *self.watched.lock() = Some(at);
        self.take();
    }

    pub(super) fn take(&self) -> Vec<(Told, u64)> {
        core::mem::take(&mut *self.notes.lock())
    }

    #[expect(unsafe_code, reason = "the test reads what the MMU would")]
    pub(super) fn word(&self, at: PhysAddr) -> u64 {
        let word = self.reach(at).cast::<AtomicU64>();
        // SAFETY: `reach` answers a pointer into a frame that is in use, aligned as `at` is, and tables are written by
        // atomic accesses alone while they are shared.
        unsafe { word.as_ref() }.load(Acquire)
    }

    fn note(&self, told: Told) {
        let watched = *self.watched.lock();
        let seen = watched.map_or(0, |at| self.word(at));
        self.notes.lock().push((told, seen));
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: `HostFrames` keeps the promises, and every call goes to it.
unsafe impl FrameAllocator for Platform {
    fn id(&self) -> AllocatorId {
        self.frames.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.frames.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.frames.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.frames.reach(at)
    }
}

impl Tlb for Platform {
    fn flush(&self, _flush: &Flush<'_>) {
        self.note(Told::Flush);
    }

    fn made_valid(&self, _made: &Flush<'_>) {
        self.note(Told::Valid);
    }
}
