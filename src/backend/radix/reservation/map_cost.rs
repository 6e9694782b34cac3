//! How many tables a map needs.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Acquire;

use super::earlier_edits::Before;
use super::new_tables::new_tables;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::table::{Cut, Slot, Table, leaves_fit, slots};
use crate::backend::run::Run;
use crate::platform::Platform;

/// Where a table is that a map goes to.
#[derive(Clone, Copy)]
enum Place {
    There(PhysAddr),
    /// Nowhere yet.
    Absent,
    /// Nowhere yet, and where a leaf is, which an unmap has cut or taken out.
    Leaf,
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// New tables for `run` as it is all that is edited. One look a level, as long as it is all in one slot.
    pub(in crate::backend::radix) fn count_new(&self, run: &Run) -> usize {
        let (area, distance) = (run.area, run.distance());
        let mut at = self.root_addr();
        let mut level = Self::TOP;
        while let Some(below) = level.checked_sub(1) {
            let slot = slots(area, level).next();
            let Some(slot) = slot.filter(|slot| slot.piece() == area) else {
                break;
            };
            match Word::read::<F>(slot.of(self.table(at)).load(Acquire), level) {
                Word::Table(child) => (at, level) = (child, below),
                Word::Leaf(_) => return 0,
                _ if fits::<F>(slot, distance, level) => return 0,
                _ => return 1 + new_tables::<F>(area, distance, below),
            }
        }
        self.count_map(Place::There(at), level, area, distance, &Before::NOTHING)
    }

    /// New tables for `run`, which comes behind what was counted before.
    #[inline]
    pub(in crate::backend::radix) fn count_run(&self, run: &Run, before: &mut Before) -> usize {
        let new = if before.is_nothing() {
            self.count_new(run)
        } else if before.retired.is_none() && self.pages_of(run.area).is_some() {
            0
        } else {
            let root = Place::There(self.root_addr());
            self.count_map(root, Self::TOP, run.area, run.distance(), before)
        };
        before.last = Some(run.area.end());
        new
    }

    /// New tables for pages in `area`, with frames that are `distance` behind them, below the table at `place`.
    fn count_map(
        &self,
        place: Place,
        level: usize,
        area: MemoryArea,
        distance: u64,
        before: &Before,
    ) -> usize {
        if level == 0 {
            return 0;
        }
        let cut = Cut::new(area, level);
        let Some(body) = cut.body.filter(|_| leaves_fit::<F>(distance, level)) else {
            return self.count_slots(place, level, area, distance, before);
        };
        let ends = cut
            .ends()
            .map(|end| self.count_slots(place, level, end, distance, before));
        let mut new = ends.sum();
        if self.has_tables(place, level, cut) {
            new += self.count_slots(place, level, body, distance, before);
        }
        new
    }

    /// Whether tables stand where leaves would fit, in the slots that `cut` covers.
    fn has_tables(&self, place: Place, level: usize, cut: Cut) -> bool {
        let words = self
            .table_at(place)
            .and_then(|table| table.get(cut.slots()));
        let is_table = |word: &AtomicU64| F::is_table(word.load(Acquire), level);
        words.is_some_and(|words| words.iter().any(is_table))
    }

    /// As [`count_map`](Self::count_map), slot by slot.
    fn count_slots(
        &self,
        place: Place,
        level: usize,
        area: MemoryArea,
        distance: u64,
        before: &Before,
    ) -> usize {
        let Some(below) = level.checked_sub(1) else {
            return 0;
        };
        let table = self.table_at(place);
        let new = |slot: Slot| {
            let word = table.map_or(Word::Empty, |table| {
                Word::read::<F>(slot.of(table).load(Acquire), level)
            });
            match word {
                Word::Table(child) if !self.goes(slot, level, before.retired) => {
                    let place = Place::There(child);
                    self.count_map(place, below, slot.piece(), distance, before)
                }
                Word::Leaf(_) if !before.may_unmap(slot.whole()) => 0,
                _ if fits::<F>(slot, distance, level) => 0,
                word => {
                    let is_leaf = matches!((word, place), (Word::Leaf(_), _) | (_, Place::Leaf));
                    self.count_absent(is_leaf, slot, below, distance, before)
                }
            }
        };
        slots(area, level).map(new).sum()
    }

    /// New tables for what is wanted of `slot`, which has no table that stays, at `below` and deeper. `is_leaf` says
    /// whether a leaf is there, or was.
    fn count_absent(
        &self,
        is_leaf: bool,
        slot: Slot,
        below: usize,
        distance: u64,
        before: &Before,
    ) -> usize {
        let part = slot.piece();
        let is_counted = before.holds_last(slot.whole());
        if is_leaf {
            let is_there = is_counted || before.leaves_cut(slot.whole());
            let deeper = self.count_map(Place::Leaf, below, part, distance, before);
            return usize::from(!is_there) + deeper;
        }
        if is_counted {
            return self.count_map(Place::Absent, below, part, distance, before);
        }
        1 + new_tables::<F>(part, distance, below)
    }

    fn table_at(&self, place: Place) -> Option<&Table> {
        match place {
            Place::There(at) => Some(self.table(at)),
            Place::Absent | Place::Leaf => None,
        }
    }

    /// Finds out whether entries wait where something was unmapped, as those of owned pages do.
    pub(in crate::backend::radix) fn note_retired(&self, before: &mut Before) {
        if core::mem::replace(&mut before.is_known, true) {
            return;
        }
        let owns = |area: &MemoryArea| {
            let mut leaves = self.leaves(*area);
            leaves.any(|leaf| leaf.word & F::OWNED != 0)
        };
        let waits = |area: &MemoryArea| F::BREAK_BEFORE_MAKE || owns(area);
        before.retired = before.unmapped.filter(waits);
    }

    /// Whether the table in `slot` goes when everything in `retired` is: nothing else is in it.
    fn goes(&self, slot: Slot, level: usize, retired: Option<MemoryArea>) -> bool {
        let Some(area) = retired else {
            return false;
        };
        let whole = slot.whole();
        let head = area.start().checked_sub(1);
        let head = head.and_then(|last| MemoryArea::new(whole.start(), last).ok());
        let tail = area.next();
        let tail = tail.and_then(|first| MemoryArea::new(first, whole.end()).ok());
        let outside = [head, tail].into_iter().flatten();
        !self.is_pinned(level)
            && outside
                .filter_map(|part| part.intersection(whole))
                .all(|part| self.leaves(part).next().is_none())
    }
}

/// Whether one leaf can map all of what `slot` is asked for, to frames that are `distance` behind.
fn fits<F: Format>(slot: Slot, distance: u64, level: usize) -> bool {
    slot.is_whole() && leaves_fit::<F>(distance, level)
}
