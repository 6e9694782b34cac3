//! Writing leaves where nothing is.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::count::leaves_fit;
use super::format::Format;
use super::page::New;
use super::reserved::Reserved;
use super::table::{Cut, Slot, Table, slots, span};
use super::walker::Radix;
use super::word::Word;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::run::Run;
use crate::flush::Tlb;
use crate::frame::FrameAllocator;
use crate::permissions::Permissions;

/// How entries are taken.
trait Take {
    /// Writes `new` into an empty entry; false when it is not empty. Release: whoever reads a pointer there sees the
    /// table behind it filled.
    fn take(word: &AtomicU64, new: u64) -> bool;
}

/// Nobody else writes entries.
enum Alone {}

/// Other CPUs may be mapping: what they were first with stays.
enum Shared {}

impl Take for Alone {
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
    #[inline]
    fn take(word: &AtomicU64, new: u64) -> bool {
        word.load(Relaxed) == 0 && word.compare_exchange(0, new, Release, Relaxed).is_ok()
    }
}

/// An edit under way.
pub(super) struct Mapping<'a> {
    pub(super) with: &'a mut Reserved,
    /// What every leaf has beside its address and attributes.
    pub(super) common: u64,
    /// What it has published so far.
    new: New,
}

impl Mapping<'_> {
    /// A pointer to a table with leaves of this edit.
    #[inline]
    pub(super) fn pointer<F: Format>(&self, at: PhysAddr, level: usize) -> u64 {
        F::table(at, level) | (self.common & F::OWNED)
    }

    /// Says in a pointer that there will be leaves of this edit below. Before they are there: who takes the table out
    /// later must look for those that are owned.
    #[inline]
    fn mark<F: Format>(&self, pointer: &AtomicU64) {
        if !self.is_marked::<F>(pointer) {
            pointer.fetch_or(F::OWNED, Relaxed);
        }
    }

    /// Whether that was said, if it must be: in this pointer and so in those above it, which are marked first.
    #[inline]
    fn is_marked<F: Format>(&self, pointer: &AtomicU64) -> bool {
        self.common & !pointer.load(Relaxed) & F::OWNED == 0
    }
}

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    pub(super) fn map_shared(&self, run: Run, with: &mut Reserved) {
        self.map_run::<Shared>(run, 0, with);
    }

    pub(super) fn map_alone(&mut self, run: Run, with: &mut Reserved) {
        self.map_run::<Alone>(run, 0, with);
    }

    /// Maps a page to a frame that becomes the page table's own. Answers whether it was mapped.
    pub(super) fn map_owned(&self, page: Run, with: &mut Reserved) -> bool {
        self.map_run::<Shared>(page, F::OWNED, with)
    }

    /// As [`map_alone`](Self::map_alone), inside a verb that has the page table to itself, with these bits more.
    pub(super) fn map_moved(&self, run: Run, bits: u64, with: &mut Reserved) {
        self.map_run::<Alone>(run, bits, with);
    }

    fn map_run<T: Take>(&self, run: Run, bits: u64, with: &mut Reserved) -> bool {
        if run.attributes.permissions.contains(Permissions::EXECUTE) {
            let frames = run.pmarea();
            frames
                .into_iter()
                .for_each(|frames| self.platform().made_code(frames));
        }
        let common = self.common_bits() | bits;
        let new = New::Leaves;
        let mut edit = Mapping { with, common, new };
        let pages = self.pages_of(run.area);
        let wrote = match pages.filter(|pages| edit.is_marked::<F>(pages.pointer)) {
            Some(pages) => self.map_in::<T>(pages.table, 0, run, &mut edit),
            None => self.map_in::<T>(self.root_table(), Self::TOP, run, &mut edit),
        };
        // A table is valid even where no leaf in it is yet.
        let is_valid = run.attributes.permissions.allow_any() || edit.new == New::Tables;
        if wrote && is_valid {
            self.made_valid(run.area, edit.new);
        }
        wrote
    }

    /// Maps `run`, which lies within `table`. Answers whether anything was written.
    fn map_in<T: Take>(
        &self,
        table: &Table,
        level: usize,
        run: Run,
        edit: &mut Mapping<'_>,
    ) -> bool {
        let cut = Cut::new(run.area, level);
        let mut wrote = false;
        for part in [cut.head, cut.tail].into_iter().flatten() {
            wrote |= self.map_slots::<T>(table, level, run.intersection(part), edit);
        }
        let Some(body) = cut.body.and_then(|body| run.intersection(body)) else {
            return wrote;
        };
        if !leaves_fit::<F>(body, level) {
            return wrote | self.map_slots::<T>(table, level, Some(body), edit);
        }
        let words = table.get(cut.slots()).unwrap_or_default();
        let mut next = F::leaf(body.first, body.attributes, level) | edit.common;
        for (index, word) in words.iter().enumerate() {
            wrote |= T::take(word, next) || {
                let start = body.area.start().checked_add(index * span(level));
                let slot = start.map(|start| MemoryArea::block(start, span(level)));
                let part = slot.and_then(|slot| body.intersection(slot));
                level > 0 && self.map_slots::<T>(table, level, part, edit)
            };
            next = next.wrapping_add(F::step(level));
        }
        wrote
    }

    /// Maps `part` below the slots that it lies in.
    fn map_slots<T: Take>(
        &self,
        table: &Table,
        level: usize,
        part: Option<Run>,
        edit: &mut Mapping<'_>,
    ) -> bool {
        let (Some(part), Some(below)) = (part, level.checked_sub(1)) else {
            return false;
        };
        let mut wrote = false;
        for slot in slots(part.area, level) {
            let Some(part) = part.intersection(slot.piece()) else {
                continue;
            };
            let word = slot.of(table);
            wrote |= match Word::read::<F>(word.load(Acquire), level) {
                Word::Table(child) => {
                    edit.mark::<F>(word);
                    self.map_in::<T>(self.table(child), below, part, edit)
                }
                Word::Empty => self.map_below::<T>(slot, table, level, part, edit),
                Word::RetiredTable(child) => {
                    self.map_again::<T>(slot, table, child, level, part, edit)
                }
                Word::Leaf(_) | Word::RetiredLeaf(_) => false,
            };
        }
        wrote
    }

    /// Fills a new table with `part` and publishes it with one store; when another CPU was first, fills its table.
    fn map_below<T: Take>(
        &self,
        slot: Slot,
        table: &Table,
        level: usize,
        part: Run,
        edit: &mut Mapping<'_>,
    ) -> bool {
        let Some(below) = level.checked_sub(1) else {
            return false;
        };
        let Some(at) = self.new_table(below, part, edit) else {
            return false;
        };
        let word = slot.of(table);
        if T::take(word, edit.pointer::<F>(at, level)) {
            edit.new = New::Tables;
            return true;
        }
        self.put_back(at, below, edit.with);
        self.map_slots::<T>(table, level, Some(part), edit)
    }

    /// Puts a table back that the same verb has taken out, emptied, and fills it: the flush is yet to come, so its
    /// frame must stay where a stale pointer leads, and frames that it owns where stale leaves lead. No other CPU is
    /// here: what was taken out is retired before anybody shares the page table again.
    fn map_again<T: Take>(
        &self,
        slot: Slot,
        table: &Table,
        child: PhysAddr,
        level: usize,
        part: Run,
        edit: &mut Mapping<'_>,
    ) -> bool {
        let Some(below) = level.checked_sub(1) else {
            return false;
        };
        edit.new = New::Tables;
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
        let owned = slot.of(table).load(Relaxed) & F::OWNED;
        slot.of(table)
            .store(edit.pointer::<F>(child, level) | owned, Release);
        self.map_in::<T>(again, below, part, edit)
    }

    /// What is left of a word that is taken out: something while it owns what the MMU may still reach.
    #[inline]
    pub(super) fn retired(&self, word: u64, level: usize) -> u64 {
        match Word::read::<F>(word, level) {
            Word::Table(child) => retired_table::<F>(child, word),
            Word::Leaf(leaf) if leaf & F::OWNED != 0 => retired_leaf::<F>(leaf),
            Word::Empty | Word::Leaf(_) => 0,
            Word::RetiredTable(_) | Word::RetiredLeaf(_) => word,
        }
    }
}

/// A pointer that is taken out.
pub(super) fn retired_table<F: Format>(child: PhysAddr, word: u64) -> u64 {
    let address = F::table(child, 0) & !F::VALID;
    address | F::RETIRED | F::POINTER | (word & F::OWNED)
}

/// An owned leaf that is taken out.
#[inline]
pub(super) const fn retired_leaf<F: Format>(word: u64) -> u64 {
    (word & F::KEPT) | F::RETIRED
}
