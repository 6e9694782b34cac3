//! Writing leaves where nothing is.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::map_edit::{Alone, Mapping, Shared, Take};
use super::one_page::New;
use super::unmap::waits;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::walk::table::{Cut, Slot, Table, slots, span};
use crate::backend::run::Run;
use crate::permissions::Permissions;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    pub(in crate::backend::radix) fn map_shared(&self, run: &Run, with: &mut Reserved) {
        self.map_run::<Shared>(run, 0, with);
    }

    pub(in crate::backend::radix) fn map_alone(&mut self, run: &Run, with: &mut Reserved) {
        self.map_run::<Alone>(run, 0, with);
    }

    /// Maps a page to a frame that becomes the page table's own. Answers whether it was mapped.
    pub(in crate::backend::radix) fn map_owned(&self, page: &Run, with: &mut Reserved) -> bool {
        self.map_run::<Shared>(page, F::OWNED, with)
    }

    /// As [`map_alone`](Self::map_alone), inside a verb that has the page table to itself, with these bits more.
    /// Answers whether any page was mapped.
    pub(in crate::backend::radix) fn map_moved(
        &self,
        run: &Run,
        bits: u64,
        with: &mut Reserved,
    ) -> bool {
        self.map_run::<Alone>(run, bits, with)
    }

    fn map_run<T: Take>(&self, run: &Run, bits: u64, with: &mut Reserved) -> bool {
        if run.attributes.permissions.contains(Permissions::EXECUTE) {
            let frames = run.pmarea();
            frames
                .into_iter()
                .for_each(|frames| self.platform().made_code(frames));
        }
        let mut edit = Mapping::new(run, self.common_bits() | bits, with);
        let pages = self.pages_of(run.area);
        let wrote = match pages.filter(|pages| edit.is_marked::<F>(pages.pointer)) {
            Some(pages) => self.map_in::<T>(pages.table, 0, run.area, &mut edit),
            None => self.map_in::<T>(self.root_table(), Self::TOP, run.area, &mut edit),
        };
        // A table is valid even where no leaf in it is yet.
        let is_valid = run.attributes.permissions.allow_any() || edit.new == New::Tables;
        if wrote && is_valid {
            self.made_valid(run.area, edit.new);
        }
        wrote
    }

    /// Maps `area`, which lies within `table`. Answers whether anything was written.
    fn map_in<T: Take>(
        &self,
        table: &Table,
        level: usize,
        area: MemoryArea,
        edit: &mut Mapping<'_>,
    ) -> bool {
        if !edit.leaves_fit::<F>(level) {
            return self.map_slots::<T>(table, level, area, edit);
        }
        let cut = Cut::new(area, level);
        let mut wrote = false;
        for end in cut.ends() {
            wrote |= self.map_slots::<T>(table, level, end, edit);
        }
        let Some(body) = cut.body else {
            return wrote;
        };
        let words = table.get(cut.slots()).unwrap_or_default();
        let mut next = edit.leaf::<F>(body.start(), level);
        for (index, word) in words.iter().enumerate() {
            wrote |= T::take(word, next) || {
                let start = body.start().checked_add(index * span(level));
                let slot = start.map(|start| MemoryArea::block(start, span(level)));
                let below = slot.filter(|_| level > 0);
                below.is_some_and(|slot| self.map_slots::<T>(table, level, slot, edit))
            };
            next = next.wrapping_add(F::step(level));
        }
        wrote
    }

    /// Maps `area` below the slots that it lies in.
    fn map_slots<T: Take>(
        &self,
        table: &Table,
        level: usize,
        area: MemoryArea,
        edit: &mut Mapping<'_>,
    ) -> bool {
        let Some(below) = level.checked_sub(1) else {
            return false;
        };
        let mut wrote = false;
        for slot in slots(area, level) {
            let word = slot.of(table);
            wrote |= match Word::read::<F>(word.load(Acquire), level) {
                Word::Table(child) => {
                    edit.mark::<F>(word);
                    self.map_in::<T>(self.table(child), below, slot.piece(), edit)
                }
                Word::Empty => self.map_below::<T>(slot, table, level, edit),
                Word::RetiredTable(child) if T::IS_ALONE => {
                    self.map_again(slot, table, child, level, edit)
                }
                // To whoever shares the page table, what waits is busy: others may come to it at the same time.
                Word::RetiredTable(_) | Word::Leaf(_) | Word::RetiredLeaf(_) => false,
            };
        }
        wrote
    }

    /// Fills a new table with what is wanted of `slot`, and publishes it with one store; when another CPU was first,
    /// fills its table.
    fn map_below<T: Take>(
        &self,
        slot: Slot,
        table: &Table,
        level: usize,
        edit: &mut Mapping<'_>,
    ) -> bool {
        let Some(below) = level.checked_sub(1) else {
            return false;
        };
        let Some(at) = self.new_table(below, slot.piece(), edit) else {
            return false;
        };
        let word = slot.of(table);
        if T::take(word, edit.pointer::<F>(at, level)) {
            edit.new = New::Tables;
            return true;
        }
        self.put_back(at, below, edit.with);
        self.map_slots::<T>(table, level, slot.piece(), edit)
    }

    /// Fills a table that was taken out and waits for its flush, emptied, and puts it back if anything could be
    /// written: its frame must stay where a stale pointer leads, and frames that it owns where stale leaves lead. Only
    /// for who has the page table alone: others would come upon words that are read and written in two steps.
    fn map_again(
        &self,
        slot: Slot,
        table: &Table,
        child: PhysAddr,
        level: usize,
        edit: &mut Mapping<'_>,
    ) -> bool {
        let Some(below) = level.checked_sub(1) else {
            return false;
        };
        let again = self.table(child);
        for word in again {
            // The MMU may follow a stale pointer here, and set bits until the leaf is gone.
            let old = if self.is_written_by_hardware() {
                word.swap(0, Relaxed)
            } else {
                word.load(Relaxed)
            };
            word.store(self.retired(old, below), Relaxed);
        }
        if !self.map_in::<Alone>(again, below, slot.piece(), edit) {
            return false;
        }
        edit.new = New::Tables;
        let owned = slot.of(table).load(Relaxed) & F::OWNED;
        slot.of(table)
            .store(edit.pointer::<F>(child, level) | owned, Release);
        true
    }

    /// What is left of a word that is taken out: something while it waits for the flush.
    #[inline]
    pub(in crate::backend::radix) fn retired(&self, word: u64, level: usize) -> u64 {
        match Word::read::<F>(word, level) {
            Word::Table(child) => retired_table::<F>(child, word),
            Word::Leaf(leaf) if waits::<F>(leaf) => retired_leaf::<F>(leaf),
            Word::Empty | Word::Leaf(_) => 0,
            Word::RetiredTable(_) | Word::RetiredLeaf(_) => word,
        }
    }
}

/// A pointer that is taken out.
pub(crate) fn retired_table<F: Format>(child: PhysAddr, word: u64) -> u64 {
    let address = F::table(child, 0) & !F::VALID;
    address | F::RETIRED | F::POINTER | (word & F::OWNED)
}

/// A leaf that is taken out, and waits.
#[inline]
pub(crate) const fn retired_leaf<F: Format>(word: u64) -> u64 {
    (word & F::KEPT) | F::RETIRED
}
