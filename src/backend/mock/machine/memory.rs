//! Physical memory as the machine's CPUs reach it, and the walk down the tables in it.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{AcqRel, Acquire};

use super::extensions::Extensions;
use super::pte::{Pte, PteKind, span};
use super::satp::Satp;
use super::trap::Stop;
use crate::addr::{PhysAddr, VirtAddr};
use crate::backend::mock::host_access::{NoFrame, WORDS};
use crate::backend::mock::host_frames::HostFrames;

/// The memory that a page-table walk reads, and the extensions by whose rules it reads entries.
#[derive(Clone, Copy)]
pub(super) struct Memory<'a> {
    pub(super) frames: &'a HostFrames,
    pub(super) extensions: Extensions,
}

/// An entry on the way of a walk, as it was when the walk read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The level of its table: 0 has the pages.
    pub(super) level: usize,
    /// The physical address of the entry.
    pub(super) at: PhysAddr,
    pub(super) pte: Pte,
    /// Whether the entry, or an entry above it, is global: then it serves every ASID.
    pub(super) global: bool,
}

impl Memory<'_> {
    /// Lets `with` see the words of the frame that holds `at`.
    #[expect(unsafe_code, reason = "the bytes of any frame in use")]
    pub(super) fn with<R>(
        self,
        at: PhysAddr,
        with: impl FnOnce(&[AtomicU64; WORDS], usize) -> R,
    ) -> Result<R, Stop> {
        // SAFETY: whoever made the machine has promised for all of its frames that their bytes are used as atomics of
        // 8 bytes.
        let answer = unsafe { self.frames.with_words(at, with) };
        answer.map_err(|none| match none {
            NoFrame::Outside => Stop::Memory,
            NoFrame::Free => Stop::Freed(at),
        })
    }

    /// The entry at `at`, by one atomic load.
    pub(super) fn read(self, at: PhysAddr) -> Result<Pte, Stop> {
        let word = self.with(at, |words, index| {
            words.get(index).map(|word| word.load(Acquire))
        })?;
        word.map(Pte).ok_or(Stop::Memory)
    }

    /// Puts `new` in the place of `old`, by one atomic exchange; false when another entry is there by now.
    pub(super) fn exchange(self, at: PhysAddr, old: Pte, new: Pte) -> Result<bool, Stop> {
        let exchanged = self.with(at, |words, index| {
            let word = words.get(index)?;
            Some(word.compare_exchange(old.0, new.0, AcqRel, Acquire).is_ok())
        })?;
        exchanged.ok_or(Stop::Memory)
    }

    /// Walks down for `vaddr` to a leaf, from the root that `satp` names. `seen` hears of every entry that is read.
    /// O(levels).
    pub(super) fn walk(
        self,
        satp: Satp,
        vaddr: VirtAddr,
        mut seen: impl FnMut(Step),
    ) -> Result<Step, Stop> {
        let top = satp.mode.levels().checked_sub(1).ok_or(Stop::Page)?;
        let first = self.step(satp.root, top, false, vaddr)?;
        seen(first);
        self.follow(first, vaddr, seen)
    }

    /// Walks on from `step` to a leaf: steps 3 and 4 of the process. `seen` hears of every entry below `step`.
    pub(super) fn follow(
        self,
        mut step: Step,
        vaddr: VirtAddr,
        mut seen: impl FnMut(Step),
    ) -> Result<Step, Stop> {
        loop {
            let table = match step.pte.kind(step.level, self.extensions) {
                PteKind::Fault => return Err(Stop::Page),
                PteKind::Leaf => return Ok(step),
                PteKind::Pointer(table) => table,
            };
            let below = step.level.checked_sub(1).ok_or(Stop::Page)?;
            step = self.step(table, below, step.global, vaddr)?;
            seen(step);
        }
    }

    /// The entry for `vaddr` in the table at `table` (step 2).
    fn step(
        self,
        table: PhysAddr,
        level: usize,
        global: bool,
        vaddr: VirtAddr,
    ) -> Result<Step, Stop> {
        let slot = vaddr.get() / span(level) % WORDS;
        let at = PhysAddr::new(table.get() + 8 * slot as u64);
        let pte = self.read(at)?;
        Ok(Step {
            level,
            at,
            pte,
            global: global || pte.is_global(),
        })
    }
}
