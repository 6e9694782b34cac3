//! Reading single entries.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Acquire;

use super::format::Format;
use super::table::{span, word};
use super::walker::Radix;
use super::word::{Word, is_leaf};
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::backend::run::{Entry, Run};
use crate::flush::Tlb;
use crate::frame::FrameAllocator;

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    /// Where `addr` leads, as the MMU would find it, whatever the leaf allows; `None` where no valid leaf is. O(levels):
    /// one load each.
    #[must_use]
    #[inline]
    pub fn translate(&self, addr: VirtAddr) -> Option<PhysAddr> {
        let (word, level) = self.find(addr)?;
        let leaf = word.load(Acquire);
        let offset = addr.get() % span(level);
        // What was a leaf a moment ago may be another now, but no pointer: those only come and go under `&mut`.
        let is_valid = leaf & F::VALID != 0;
        is_valid.then(|| F::addr(leaf).checked_add(offset))?
    }

    pub(super) fn find_entry(&self, addr: VirtAddr) -> Entry {
        let Some((word, level)) = self.find(addr) else {
            return Entry::Empty;
        };
        entry::<F>(word.load(Acquire), addr, level)
    }

    /// The word that is no pointer, at the end of the way to `addr`, and its level.
    #[inline]
    pub(super) fn find(&self, addr: VirtAddr) -> Option<(&AtomicU64, usize)> {
        if !self.ranges.iter().any(|range| range.contains(addr)) {
            return None;
        }
        let mut table = self.root_table();
        for level in (1..F::LEVELS).rev() {
            let entry = word(table, addr, level);
            let value = entry.load(Acquire);
            if value & F::VALID == 0 || !F::is_table(value, level) {
                return Some((entry, level));
            }
            table = self.table(F::addr(value));
        }
        Some((word(table, addr, 0), 0))
    }

    /// The word of the page that holds `addr`; `None` where there is no table for it.
    pub(super) fn find_page(&self, addr: VirtAddr) -> Option<&AtomicU64> {
        let (word, level) = self.find(addr)?;
        (level == 0).then_some(word)
    }
}

/// What `word`, on the way to `addr` at `level`, says. A pointer says nothing.
pub(super) fn entry<F: Format>(word: u64, addr: VirtAddr, level: usize) -> Entry {
    let run = Run {
        area: MemoryArea::block(addr, span(level)),
        first: F::addr(word),
        attributes: F::attributes(word),
    };
    match Word::read::<F>(word, level) {
        Word::Leaf(_) if word & F::VALID != 0 => Entry::Leaf(run),
        Word::Leaf(_) => Entry::Hidden(run),
        _ => Entry::Empty,
    }
}

/// Whether `word` is a leaf of `run`'s, whatever of it was used.
pub(super) fn is_run<F: Format>(word: u64, run: Run) -> bool {
    is_leaf::<F>(word) && F::addr(word) == run.first && F::attributes(word) == run.attributes
}
