//! One page of a space, and the CPUs that use it: its entry, and a TLB for each of them.

use alloc::sync::Arc;
use core::marker::PhantomData;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use core::sync::atomic::{AtomicBool, AtomicUsize};

use loom::sync::Mutex;
use loom::sync::atomic::AtomicU64;

use super::frames::{Frames, Reference};
use super::mmu::Mmu;
use super::word::Word;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::backend::radix::entry::transition::hold::hold;
use crate::backend::radix::entry::transition::swap::swap;
use crate::backend::radix::entry::transition::touch::allows;
use crate::backend::run::Run;
use crate::frame::FRAME_SIZE;
use crate::permissions::{Access, Permissions};
use crate::place::Place;

pub(super) const READ: Permissions = Permissions::READ.union(Permissions::USER);
pub(super) const WRITE: Permissions = READ.union(Permissions::WRITE);

pub(super) struct Space<F> {
    pub(super) entry: Word,
    /// What each CPU has cached of the entry. One access, with all that the MMU does for it, comes between flushes.
    tlbs: [Mutex<Option<u64>>; 2],
    pub(super) frames: Arc<Frames>,
    pub(super) events: Events,
    format: PhantomData<fn() -> F>,
}

/// What has come to pass, in the order in which it did. No CPU knows.
///
/// loom need not try both orders of two events that have no word in common. Where these matter, so that either may come
/// first, the event is a word of loom's: a step that reads and writes it reads what came last, and orders nothing else.
#[derive(Default)]
pub(super) struct Events {
    /// How often the MMU has set D in a leaf of the frame 0.
    pub(super) dirtied: AtomicUsize,
    /// 1 when a frame other than 0 was written through the page.
    copy_written: AtomicU64,
    /// A flush has returned, and nobody may write after that.
    pub(super) is_protected: AtomicBool,
    /// The page was written after a flush had returned.
    pub(super) is_written_after_flush: AtomicBool,
    is_flushed: AtomicBool,
}

/// The word of a leaf of a frame that is the page table's own, neither accessed nor dirty.
pub(super) fn leaf<F: Mmu>(frame: usize, permissions: Permissions) -> u64 {
    let run = run(frame, permissions);
    F::leaf(run.first, run.attributes, 0) | F::UNUSED | F::OWNED
}

/// The page, mapped so.
pub(super) fn run(frame: usize, permissions: Permissions) -> Run {
    Run {
        area: MemoryArea::block(VirtAddr::new(FRAME_SIZE), FRAME_SIZE),
        first: Frames::addr(frame),
        attributes: Attributes {
            permissions,
            memory_type: MemoryType::Normal,
        },
    }
}

/// The bits of `word` but for accessed and dirty.
pub(super) fn unused<F: Mmu>(word: u64) -> u64 {
    F::unmarked(word, F::ACCESSED | F::DIRTY)
}

impl<F: Mmu> Space<F> {
    pub(super) fn new(entry: u64, frames: &Arc<Frames>) -> Arc<Self> {
        Arc::new(Self {
            entry: Word::new(entry),
            tlbs: [Mutex::new(None), Mutex::new(None)],
            frames: Arc::clone(frames),
            events: Events::default(),
            format: PhantomData,
        })
    }

    /// A space with frames that have a reference each.
    pub(super) fn alone(entry: u64) -> Arc<Self> {
        Self::new(entry, &Arc::new(Frames::new([1; 3])))
    }

    /// A user's access on this CPU; false when it faults.
    pub(super) fn access(&self, cpu: usize, access: Access) -> bool {
        let mut tlb = self.tlbs[cpu].lock().unwrap();
        let may = |leaf: &u64| Self::may(*leaf, access) && F::used(access) & !F::marks(*leaf) == 0;
        let cached = (*tlb).filter(may);
        let Some(leaf) = cached.or_else(|| self.walk(access)) else {
            return false;
        };
        *tlb = Some(leaf);
        let frame = Frames::number(F::addr(leaf));
        self.note(frame, access);
        self.frames.access(frame);
        true
    }

    /// Whether the MMU lets a user do so: of a word that is not valid, it reads no other bit.
    fn may(word: u64, access: Access) -> bool {
        word & F::VALID != 0 && allows::<F>(word, 0, access)
    }

    /// The leaf, after the MMU has set its bits as a CPU does with Svadu: by a compare-and-swap with the word that it
    /// has checked. Acquire, since it depends on the address there whether the frame is accessed.
    fn walk(&self, access: Access) -> Option<u64> {
        let mut word = self.entry.load(Acquire);
        while Self::may(word, access) {
            let used = F::used_by_mmu(word, access);
            if used == word {
                return Some(word);
            }
            let set = self.entry.compare_exchange(word, used, Acquire, Acquire);
            match set {
                Ok(_) => {
                    self.note_used(word, used);
                    return Some(used);
                }
                Err(found) => word = found,
            }
        }
        None
    }

    fn note_used(&self, word: u64, used: u64) {
        let is_dirtied =
            F::marks(used) & !F::marks(word) & F::DIRTY != 0 && F::addr(word) == Frames::addr(0);
        self.events
            .dirtied
            .fetch_add(usize::from(is_dirtied), Relaxed);
    }

    fn note(&self, frame: usize, access: Access) {
        let events = &self.events;
        if frame == 0 {
            let copy_written = events.copy_written.fetch_or(0, Relaxed);
            assert_eq!(
                copy_written, 0,
                "the old frame is used after the new was written"
            );
        }
        if access == Access::Write {
            assert!(
                !events.is_protected.load(Relaxed),
                "a write after the flush"
            );
            let is_after = events.is_flushed.load(Relaxed);
            events.is_written_after_flush.fetch_or(is_after, Relaxed);
            if frame > 0 {
                events.copy_written.fetch_or(1, Relaxed);
            }
        }
    }

    /// Makes every CPU forget the entry, and waits.
    pub(super) fn flush(&self) {
        for tlb in &self.tlbs {
            *tlb.lock().unwrap() = None;
        }
        self.events.is_flushed.store(true, Relaxed);
    }

    /// Whether the MMU has set D in a leaf of the frame 0.
    pub(super) fn is_dirtied(&self) -> bool {
        self.events.dirtied.load(Relaxed) > 0
    }

    /// The entry, when all is over.
    pub(super) fn word(&self) -> u64 {
        self.entry.load(Relaxed)
    }

    /// As `exchange` does: `copy` takes the place of the frame of `old`, or comes back. Answers the word that was
    /// there, and whether its frame is free now; or the word that is there.
    pub(super) fn exchange(&self, old: Run, copy: Reference) -> Result<(u64, bool), u64> {
        let new = leaf::<F>(copy.0, WRITE);
        match swap::<F>(&self.entry, old, new, true, false, || self.flush()) {
            Ok(before) => {
                let replaced = Reference(Frames::number(old.first));
                let last = self
                    .frames
                    .release(replaced, F::marks(before) & F::DIRTY != 0);
                Ok((before, last.is_some()))
            }
            Err(found) => {
                self.frames.release(copy, false);
                Err(found)
            }
        }
    }

    /// As `hold` does.
    pub(super) fn hold(&self, run: Run) -> Option<Reference> {
        let frames = &self.frames;
        let share = || frames.share(Frames::number(run.first)).map(Some);
        let release = |reference| {
            frames.release(reference, false);
        };
        let held = hold::<F, _>(&self.entry, run, share, release);
        held.unwrap_or_default()
    }
}
