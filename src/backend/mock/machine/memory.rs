//! Physical memory as the machine's CPUs reach it, and the walk down the tables in it.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{AcqRel, Acquire};

use super::rules::{Architecture, Kind, Root, span};
use super::trap::Stop;
use crate::addr::{PhysAddr, VirtAddr};
use crate::backend::mock::host_access::{NoFrame, WORDS};
use crate::backend::mock::host_frames::HostFrames;

/// How often a walk tries to set a mark in an entry that others change meanwhile. Then it goes on without.
const PATIENCE: usize = 64;

/// The memory that a page-table walk reads, and the architecture by whose rules it reads entries.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'a, A> {
    pub(super) frames: &'a HostFrames,
    pub(super) rules: A,
}

/// Whether a walk sets the marks that hardware sets in the entries that it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    Set,
    Left,
}

/// An entry on the way of a walk, as it was when the walk read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<A: Architecture> {
    /// The level of its table: 0 has the pages.
    pub(super) level: usize,
    /// The physical address of the entry.
    pub(super) at: PhysAddr,
    pub(super) entry: u64,
    /// What the entries down to this one say together.
    pub(super) path: A::Path,
}

impl<A: Architecture> Memory<'_, A> {
    /// Lets `with` see the words of the frame that holds `at`.
    #[expect(unsafe_code, reason = "the bytes of any frame in use")]
    pub(super) fn with<R>(
        self,
        at: PhysAddr,
        with: impl FnOnce(&[AtomicU64; WORDS], usize) -> R,
    ) -> Result<R, Stop<A::Reason>> {
        // SAFETY: whoever made the machine has promised for all of its frames that their bytes are used as atomics of
        // 8 bytes.
        let answer = unsafe { self.frames.with_words(at, with) };
        answer.map_err(|none| match none {
            NoFrame::Outside => Stop::Memory,
            NoFrame::Free => Stop::Freed(at),
        })
    }

    /// The entry at `at`, by one atomic load.
    pub(super) fn read(self, at: PhysAddr) -> Result<u64, Stop<A::Reason>> {
        let word = self.with(at, |words, index| {
            words.get(index).map(|word| word.load(Acquire))
        })?;
        word.ok_or(Stop::Memory)
    }

    /// Puts `new` in the place of `old`, by one atomic exchange; false when another entry is there by now.
    pub(super) fn exchange(
        self,
        at: PhysAddr,
        old: u64,
        new: u64,
    ) -> Result<bool, Stop<A::Reason>> {
        let exchanged = self.with(at, |words, index| {
            let word = words.get(index)?;
            Some(word.compare_exchange(old, new, AcqRel, Acquire).is_ok())
        })?;
        exchanged.ok_or(Stop::Memory)
    }

    /// The kind of the entry that a walk has read.
    pub(super) fn kind(self, step: Step<A>) -> Kind<A::Reason> {
        self.rules.kind(step.entry, step.level)
    }

    /// Walks down for `vaddr` to a leaf, from `root`. `seen` hears of every entry that is read. O(levels).
    pub(super) fn walk(
        self,
        root: Root,
        vaddr: VirtAddr,
        marks: Marks,
        mut seen: impl FnMut(Step<A>),
    ) -> Result<Step<A>, Stop<A::Reason>> {
        let top = root.levels.checked_sub(1).ok_or_else(Stop::invalid)?;
        let first = self.step(root.table, top, A::Path::default(), vaddr, marks)?;
        seen(first);
        self.follow(first, vaddr, marks, seen)
    }

    /// Walks on from `step` to a leaf. `seen` hears of every entry below `step`.
    pub(super) fn follow(
        self,
        mut step: Step<A>,
        vaddr: VirtAddr,
        marks: Marks,
        mut seen: impl FnMut(Step<A>),
    ) -> Result<Step<A>, Stop<A::Reason>> {
        loop {
            let table = match self.kind(step) {
                Kind::Fault(reason) => return Err(Stop::Fault(reason)),
                Kind::Leaf(_) => return Ok(step),
                Kind::Pointer(table) => table,
            };
            let below = step.level.checked_sub(1).ok_or_else(Stop::invalid)?;
            step = self.step(table, below, step.path, vaddr, marks)?;
            seen(step);
        }
    }

    /// The entry for `vaddr` in the table at `table`.
    fn step(
        self,
        table: PhysAddr,
        level: usize,
        above: A::Path,
        vaddr: VirtAddr,
        marks: Marks,
    ) -> Result<Step<A>, Stop<A::Reason>> {
        let slot = vaddr.get() / span(level) % WORDS;
        let at = PhysAddr::new(table.get() + 8 * slot as u64);
        let entry = match marks {
            Marks::Set => self.read_marked(at, level)?,
            Marks::Left => self.read(at)?,
        };
        Ok(Step {
            level,
            at,
            entry,
            path: self.rules.path(above, entry, level),
        })
    }

    /// The entry at `at`, with the marks that a walk sets in it.
    fn read_marked(self, at: PhysAddr, level: usize) -> Result<u64, Stop<A::Reason>> {
        for _ in 0..PATIENCE {
            let entry = self.read(at)?;
            let used = self.rules.used(entry, level);
            if used == entry || self.exchange(at, entry, used)? {
                return Ok(used);
            }
        }
        self.read(at)
    }
}
