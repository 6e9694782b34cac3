//! Giving frames back, once nobody can reach them.

use core::sync::atomic::Ordering::Relaxed;

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::{Exclusive, Radix};
use crate::backend::radix::walk::slot::each_filled;
use crate::backend::radix::walk::table::Table;
use crate::backend::radix::walk::vacant::populated;
use crate::platform::Platform;

impl<F: Format, P: Platform> Exclusive<'_, F, P> {
    /// Gives back every table and frame that waits in these areas: the second pass of an unmap. O(tables in the areas +
    /// frames given back).
    ///
    /// The flush has returned, and nobody else is here. Each word is emptied before its frame is given back: should
    /// that hook panic, the frame is leaked, and never given back twice.
    pub(in crate::backend::radix) fn reap(self, areas: &[MemoryArea]) {
        for area in areas {
            for area in self.canonical(*area) {
                for part in self.filled.parts::<F>(area) {
                    self.reap_in(self.root_table(), Radix::<F, P>::TOP, part);
                }
            }
        }
    }

    fn reap_in(self, table: &Table, level: usize, area: MemoryArea) {
        let Some(below) = level.checked_sub(1) else {
            return self.reap_pages(table, area);
        };
        each_filled(table, area, level, |slot, word| {
            match Word::read::<F>(word, level) {
                Word::Table(child) => self.reap_in(self.table(child), below, slot.piece()),
                Word::RetiredTable(child) => {
                    let owned = slot.of(table).swap(0, Relaxed) & F::OWNED != 0;
                    self.release_tree(child, below, owned);
                }
                // A large leaf never owns its frames.
                Word::RetiredLeaf(_) => slot.of(table).store(0, Relaxed),
                Word::Empty | Word::Leaf(_) => {}
            }
        });
    }

    fn reap_pages(self, table: &Table, area: MemoryArea) {
        let words = populated(table, area).and_then(|(slots, _)| table.get(slots));
        for word in words.unwrap_or_default() {
            if let Word::RetiredLeaf(leaf) = Word::read::<F>(word.load(Relaxed), 0) {
                word.store(0, Relaxed);
                if leaf & F::OWNED != 0 {
                    self.release_page(leaf);
                }
            }
        }
    }

    /// As [`release_tree`].
    pub(super) fn release_tree(self, at: PhysAddr, level: usize, owned: bool) {
        release_tree::<F>(&self, at, level, owned);
    }
}

/// Tables that nobody reads any more, in the hands of who gives them back: those of a page table, or of loom's.
pub(in crate::backend::radix) trait Unlinked {
    /// Hands on each word of the table at `at` that has any of `bits`, in order.
    fn each_with(&self, at: PhysAddr, bits: u64, each: impl FnMut(u64));

    /// Gives back the frame of an owned leaf.
    fn release_page(&self, leaf: u64);

    /// Gives back the frame of the table at `at`.
    fn release_table(&self, at: PhysAddr);
}

impl<F: Format, P: Platform> Unlinked for Exclusive<'_, F, P> {
    fn each_with(&self, at: PhysAddr, bits: u64, mut each: impl FnMut(u64)) {
        self.any_with(at, bits, |_, word| {
            each(word);
            false
        });
    }

    fn release_page(&self, leaf: u64) {
        Radix::release_page(self, leaf);
    }

    fn release_table(&self, at: PhysAddr) {
        Radix::release_table(self, at);
    }
}

/// Gives back the table at `at`, all tables below it, and all frames that leaves there own. `owned` says whether there
/// may be such leaves: only then are the words of pages read. The table goes last: its words are read until then.
/// O(tables + owned pages).
pub(in crate::backend::radix) fn release_tree<F: Format>(
    tables: &impl Unlinked,
    at: PhysAddr,
    level: usize,
    owned: bool,
) {
    if let Some(below) = level.checked_sub(1) {
        tables.each_with(at, u64::MAX, |word| {
            if let Word::Table(child) | Word::RetiredTable(child) = Word::read::<F>(word, level) {
                release_tree::<F>(tables, child, below, word & F::OWNED != 0);
            }
        });
    } else if owned {
        tables.each_with(at, F::OWNED, |leaf| tables.release_page(leaf));
    }
    tables.release_table(at);
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Gives back the frame of an owned leaf that was taken out of its word, and says whether it was written through.
    pub(super) fn release_page(&self, leaf: u64) {
        let frame = self.take_frame(F::addr(leaf));
        self.platform()
            .release(frame, F::marks(leaf) & F::DIRTY != 0);
    }
}
