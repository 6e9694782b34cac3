//! A map under way: what it writes, and how it takes entries.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Relaxed, Release};

use super::one_page::New;
use crate::addr::{PhysAddr, VirtAddr};
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::walk::table::leaves_fit;
use crate::backend::run::Run;

/// How entries are taken.
pub(crate) trait Take {
    /// Whether nobody else has the page table meanwhile.
    const IS_ALONE: bool;

    /// Writes `new` into an empty entry; false when it is not empty. Release: whoever reads a pointer there sees the
    /// table behind it filled.
    fn take(word: &AtomicU64, new: u64) -> bool;
}

/// Nobody else writes entries.
pub(crate) enum Alone {}

/// Other CPUs may be mapping: what they were first with stays.
pub(crate) enum Shared {}

impl Take for Alone {
    const IS_ALONE: bool = true;

    #[inline]
    fn take(word: &AtomicU64, new: u64) -> bool {
        let is_empty = word.load(Relaxed) == 0;
        if is_empty {
            word.store(new, Release);
        }
        is_empty
    }
}

impl Take for Shared {
    const IS_ALONE: bool = false;

    #[inline]
    fn take(word: &AtomicU64, new: u64) -> bool {
        word.load(Relaxed) == 0 && word.compare_exchange(0, new, Release, Relaxed).is_ok()
    }
}

/// An edit under way. The walk knows which pages it is at; where they lead is asked here.
pub(crate) struct Mapping<'a> {
    run: &'a Run,
    /// What every leaf has beside its address and attributes.
    common: u64,
    pub(crate) with: &'a mut Reserved,
    /// What it has published so far.
    pub(crate) new: New,
}

impl<'a> Mapping<'a> {
    pub(crate) const fn new(run: &'a Run, common: u64, with: &'a mut Reserved) -> Self {
        Self {
            run,
            common,
            with,
            new: New::Leaves,
        }
    }

    /// Whether leaves at `level` can be in whole slots.
    #[inline]
    pub(crate) const fn leaves_fit<F: Format>(&self, level: usize) -> bool {
        leaves_fit::<F>(self.run.distance(), level)
    }

    /// The leaf of the pages at `level` that begin at `start`.
    #[inline]
    pub(crate) fn leaf<F: Format>(&self, start: VirtAddr, level: usize) -> u64 {
        let first = PhysAddr::new(self.run.distance().wrapping_add(start.get() as u64));
        F::leaf(first, self.run.attributes, level) | self.common
    }

    /// A pointer to a table with leaves of this edit.
    #[inline]
    pub(crate) fn pointer<F: Format>(&self, at: PhysAddr, level: usize) -> u64 {
        F::table(at, level) | (self.common & F::OWNED)
    }

    /// Says in a pointer that there will be leaves of this edit below. Before they are there: who takes the table out
    /// later must look for those that are owned.
    #[inline]
    pub(crate) fn mark<F: Format>(&self, pointer: &AtomicU64) {
        if !self.is_marked::<F>(pointer) {
            pointer.fetch_or(F::OWNED, Relaxed);
        }
    }

    /// Whether that was said, if it must be: in this pointer and so in those above it, which are marked first.
    #[inline]
    pub(crate) fn is_marked<F: Format>(&self, pointer: &AtomicU64) -> bool {
        self.common & !pointer.load(Relaxed) & F::OWNED == 0
    }
}
