//! Mapping: writing leaves where entries are empty.
//!
//! Two doors lead to one walk: [`map_shared`](Radix::map_shared), where other CPUs may map at once, and
//! [`map_alone`](Radix::map_alone), inside a verb that has the page table to itself. They differ in how an entry is
//! claimed, and in that only the second may use a table that waits for its flush. An edit of one page in one call takes
//! neither if it can help it: see `one_page`.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::map_edit::MapEdit;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::retired::retired;
use crate::backend::radix::entry::transition::claim::{Alone, Claim, Shared};
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::hooks::New;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::walk::slot::{Slot, slots};
use crate::backend::radix::walk::table::{Table, span};
use crate::backend::run::Run;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// Maps `run`, with `bits` in every leaf beside the usual ones, while other CPUs may be mapping. Answers whether
    /// any page was mapped: pages whose entries are not empty stay as they are. O(leaves + tables).
    pub(in crate::backend::radix) fn map_shared(
        &self,
        run: &Run,
        bits: u64,
        reserved: &mut Reserved,
    ) -> bool {
        self.map_run::<Shared>(run, bits, reserved)
    }

    /// Maps `run` as [`map_shared`](Self::map_shared) does, inside a verb that has the page table to itself. Where a
    /// table waits for its flush, it is filled and put back. O(leaves + tables).
    pub(in crate::backend::radix) fn map_alone(
        &self,
        run: &Run,
        bits: u64,
        reserved: &mut Reserved,
    ) -> bool {
        self.map_run::<Alone>(run, bits, reserved)
    }

    fn map_run<C: Claim>(&self, run: &Run, bits: u64, reserved: &mut Reserved) -> bool {
        self.made_code(run.first, run.area.size(), run.attributes.permissions);
        let common = if bits & F::OWNED == 0 {
            self.common_bits()
        } else {
            self.owned_bits(run.attributes)
        };
        let mut edit = MapEdit::new(run, self.fit(run), common | bits, reserved);
        let pages = self.pages_of(run.area);
        let wrote = match pages.filter(|pages| edit.is_marked::<F>(pages.pointer)) {
            Some(pages) => self.map_in::<C>(pages.table, 0, run.area, &mut edit),
            None => self.map_in::<C>(self.root_table(), Self::TOP, run.area, &mut edit),
        };
        // Hidden leaves are not valid, but a new table with nothing else in it is.
        let is_valid = run.attributes.permissions.allow_any() || edit.new == New::Tables;
        if wrote && is_valid {
            self.made_valid(run.area, edit.new);
        }
        wrote
    }

    /// Maps `area`, which lies within `table`. Answers whether any entry was written.
    fn map_in<C: Claim>(
        &self,
        table: &Table,
        level: usize,
        area: MemoryArea,
        edit: &mut MapEdit<'_>,
    ) -> bool {
        let cut = edit.cut(area, level);
        let mut wrote = false;
        for end in cut.ends() {
            wrote |= self.map_slots::<C>(table, level, end, edit);
        }
        let Some(body) = cut.body else {
            return wrote;
        };
        if level == Self::TOP {
            self.filled.note(cut.slots());
        }
        // A slot that a leaf would fill is not always empty: where it has a table, the pages are mapped in there.
        let words = table.get(cut.slots()).unwrap_or_default();
        let mut next = edit.leaf::<F>(body.start(), level);
        for (index, word) in words.iter().enumerate() {
            wrote |= C::claim(word, next) || {
                let start = body.start().checked_add(index * span(level));
                let slot = start.map(|start| MemoryArea::block(start, span(level)));
                let below = slot.filter(|_| level > 0);
                below.is_some_and(|slot| self.map_slots::<C>(table, level, slot, edit))
            };
            next = next.wrapping_add(F::step(level));
        }
        wrote
    }

    /// Maps `area` in the tables below the slots that it lies in.
    fn map_slots<C: Claim>(
        &self,
        table: &Table,
        level: usize,
        area: MemoryArea,
        edit: &mut MapEdit<'_>,
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
                    self.map_in::<C>(self.table(child), below, slot.piece(), edit)
                }
                Word::Empty => self.map_new::<C>(slot, table, level, edit),
                Word::RetiredTable(child) if C::IS_ALONE => {
                    self.map_retired(slot, table, child, level, edit)
                }
                // Under `&self` a retired word is busy: several CPUs may come to it at once.
                Word::RetiredTable(_) | Word::Leaf(_) | Word::RetiredLeaf(_) => false,
            };
        }
        wrote
    }

    /// Fills a new table with the piece of `slot`, and publishes it with one store. When another CPU was first, its
    /// table is filled instead, and the new one goes back to the reservation.
    fn map_new<C: Claim>(
        &self,
        slot: Slot,
        table: &Table,
        level: usize,
        edit: &mut MapEdit<'_>,
    ) -> bool {
        let Some(below) = level.checked_sub(1) else {
            return false;
        };
        let Some(at) = self.new_table(below, slot.piece(), edit) else {
            return false;
        };
        if level == Self::TOP && !self.filled.has(slot.index()) {
            self.filled.note(slot.alone());
        }
        let word = slot.of(table);
        if C::claim(word, edit.pointer::<F>(at, level)) {
            edit.new = New::Tables;
            return true;
        }
        self.put_back(at, below, edit.reserved);
        self.map_slots::<C>(table, level, slot.piece(), edit)
    }

    /// Empties the retired table at `child`, fills it with the piece of `slot`, and puts it back if any entry could be
    /// written. Its frame must stay where a stale pointer leads, and frames that it owns where stale leaves lead.
    ///
    /// Only while nobody else edits: other CPUs would come upon words that are read and written in two steps.
    fn map_retired(
        &self,
        slot: Slot,
        table: &Table,
        child: PhysAddr,
        level: usize,
        edit: &mut MapEdit<'_>,
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
            word.store(retired::<F>(old, below), Relaxed);
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
}
