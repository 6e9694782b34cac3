//! A platform that looks at one page whenever it is told something, or panics.

extern crate std;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use core::sync::atomic::{AtomicU64, AtomicUsize};

use spin::Mutex;

use crate::addr::PhysAddr;
use crate::backend::mock::HostFrames;
use crate::flush::{Flush, Tlb};
use crate::frame::{AllocatorId, Frame, FrameAllocator, ShareError};

/// The hooks of the TLB, as the platform notes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Flush,
    Valid,
}

/// The payload of a panic that a test has asked for.
pub(super) struct Struck;

pub(super) struct Platform {
    pub(super) frames: HostFrames,
    /// The calls so far, each with the watched word at that moment.
    notes: Mutex<Vec<(Told, u64)>>,
    watched: Mutex<Option<PhysAddr>>,
    /// The number of the call, from now on, that panics; 0: none.
    struck: AtomicUsize,
}

impl Platform {
    pub(super) fn new(frames: usize) -> Self {
        Self {
            frames: HostFrames::new(frames),
            notes: Mutex::default(),
            watched: Mutex::default(),
            struck: AtomicUsize::new(0),
        }
    }

    /// Lets the `n`-th call from now on panic, before it has done anything; 0: none.
    pub(super) fn strike(&self, n: usize) {
        self.struck.store(n, Relaxed);
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
        let next = |n: usize| n.checked_sub(1);
        if self.struck.fetch_update(Relaxed, Relaxed, next) == Ok(1) {
            std::panic::resume_unwind(Box::new(Struck));
        }
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

impl Tlb for Platform {
    fn flush(&self, _flush: &Flush<'_>) {
        self.note(Told::Flush);
    }

    fn made_valid(&self, _made: &Flush<'_>) {
        self.note(Told::Valid);
    }
}
