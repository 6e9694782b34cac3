//! Giving frames back, once nobody can reach them.

use core::sync::atomic::Ordering::Relaxed;

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::edit::unmap::populated;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::table::{Table, slots};
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// The second pass of an unmap: gives back every table and frame that was taken out of these areas. The flush has
    /// been waited for, and nobody else is here. Each word is emptied before what it led to is given back.
    pub(in crate::backend::radix) fn reap(&self, areas: &[MemoryArea]) {
        for area in areas {
            for area in self.canonical(*area) {
                self.reap_in(self.root_table(), Self::TOP, area);
            }
        }
    }

    fn reap_in(&self, table: &Table, level: usize, area: MemoryArea) {
        let Some(below) = level.checked_sub(1) else {
            return self.reap_pages(table, area);
        };
        for slot in slots(area, level) {
            match Word::read::<F>(slot.of(table).load(Relaxed), level) {
                Word::Table(child) => self.reap_in(self.table(child), below, slot.piece()),
                Word::RetiredTable(child) => {
                    let owned = slot.of(table).swap(0, Relaxed) & F::OWNED != 0;
                    self.release_tree(child, below, owned);
                }
                // A large one is never owned.
                Word::RetiredLeaf(_) => slot.of(table).store(0, Relaxed),
                Word::Empty | Word::Leaf(_) => {}
            }
        }
    }

    fn reap_pages(&self, table: &Table, area: MemoryArea) {
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

    /// Gives back the table at `at`, and all below it. `owned` says whether there may be leaves that the space owns.
    fn release_tree(&self, at: PhysAddr, level: usize, owned: bool) {
        let table = self.table(at);
        if let Some(below) = level.checked_sub(1) {
            for word in table.iter().map(|word| word.load(Relaxed)) {
                if let Word::Table(child) | Word::RetiredTable(child) = Word::read::<F>(word, level)
                {
                    self.release_tree(child, below, word & F::OWNED != 0);
                }
            }
        } else if owned {
            let words = table.iter().map(|word| word.load(Relaxed));
            words
                .filter(|word| word & F::OWNED != 0)
                .for_each(|leaf| self.release_page(leaf));
        }
        self.release_table(at);
    }

    /// Gives back the frame that an owned leaf led to.
    fn release_page(&self, leaf: u64) {
        let frame = self.take_frame(F::addr(leaf));
        self.platform().release(frame, leaf & F::DIRTY != 0);
    }

    /// Whether anything is there that the MMU may have cached: what is gone was flushed when it went.
    pub(in crate::backend::radix) fn is_in_use(&self) -> bool {
        self.root_slots().any(|word| word != 0)
    }

    /// Gives back all frames; those behind the entries that are the kernel's are not ours.
    pub(in crate::backend::radix) fn release_all(&mut self) {
        if let Some(below) = Self::TOP.checked_sub(1) {
            for word in self.root_slots() {
                if let Word::Table(child) | Word::RetiredTable(child) =
                    Word::read::<F>(word, Self::TOP)
                {
                    self.release_tree(child, below, word & F::OWNED != 0);
                }
            }
        }
        self.release_table(self.root_addr());
    }

    /// The words of the root that are our own.
    fn root_slots(&self) -> impl Iterator<Item = u64> {
        let areas = self.ranges.as_slice().iter();
        areas
            .flat_map(|&area| slots(area, Self::TOP))
            .map(|slot| slot.of(self.root_table()).load(Relaxed))
    }
}
