//! The number of tables that a run needs.
//!
//! The count takes the way that [`map`](crate::backend::radix::edit::map) will take, with the same cuts, and adds one
//! wherever that will find no table. It differs only where earlier edits of the verb will have changed the tables.

use core::sync::atomic::Ordering::Acquire;

use super::earlier_edits::EarlierEdits;
use super::new_tables::new_tables;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::cut::Cut;
use crate::backend::radix::walk::fit::Fit;
use crate::backend::radix::walk::slot::{Slot, slots};
use crate::backend::radix::walk::table::Table;
use crate::backend::run::Run;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// The number of new tables for `run`, alone in its verb. O(levels), as long as it is all in one slot; else
    /// `O(tables touched)`.
    pub(in crate::backend::radix) fn cost_of_run(&self, run: &Run) -> usize {
        let (area, fit) = (run.area, self.fit(run));
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
                _ if slot.is_whole() && fit.has_leaves(level) => return 0,
                _ => return 1 + new_tables(area, fit, below),
            }
        }
        let earlier = &EarlierEdits::NONE;
        let cost = MapCost {
            radix: self,
            fit,
            earlier,
        };
        cost.below(Place::There(at), level, area)
    }

    /// The number of new tables for `run`, behind earlier edits. It is one of them from then on.
    #[inline]
    pub(super) fn cost_of_later_run(&self, run: &Run, earlier: &mut EarlierEdits) -> usize {
        let new = if earlier.is_none() {
            self.cost_of_run(run)
        } else if earlier.waiting().is_none() && self.pages_of(run.area).is_some() {
            0
        } else {
            let cost = MapCost {
                radix: self,
                fit: self.fit(run),
                earlier,
            };
            cost.below(Place::There(self.root_addr()), Self::TOP, run.area)
        };
        earlier.note_map(run.area.end());
        new
    }
}

/// The count of one run.
struct MapCost<'a, F: Format, P: Platform> {
    radix: &'a Radix<F, P>,
    /// It decides how large leaves can be.
    fit: Fit,
    earlier: &'a EarlierEdits,
}

/// The table at which a count has arrived.
#[derive(Clone, Copy)]
enum Place {
    /// A table that is there.
    There(PhysAddr),
    /// No table yet, where nothing is.
    Absent,
    /// No table yet, where a leaf is that an earlier edit splits or takes out.
    Leaf,
}

impl<F: Format, P: Platform> MapCost<'_, F, P> {
    /// The number of new tables below `place` for the pages in `area`. None is new in the slots that leaves can map: a
    /// leaf does, or the tables that stand there.
    fn below(&self, place: Place, level: usize, area: MemoryArea) -> usize {
        let cut = Cut::for_leaves(area, self.fit, level);
        let slots = cut.ends().flat_map(|end| slots(end, level));
        slots.map(|slot| self.in_slot(place, slot, level)).sum()
    }

    /// The number of new tables below `slot`, whose piece no leaf at `level` can map.
    fn in_slot(&self, place: Place, slot: Slot, level: usize) -> usize {
        let Some(below) = level.checked_sub(1) else {
            return 0;
        };
        let word = self.table_at(place).map_or(Word::Empty, |table| {
            Word::read::<F>(slot.of(table).load(Acquire), level)
        });
        match word {
            Word::Table(child) if !self.goes(slot, level) => {
                self.below(Place::There(child), below, slot.piece())
            }
            Word::Leaf(_) if !self.earlier.may_unmap(slot.whole()) => 0,
            Word::Leaf(_) => self.in_leaf(slot, below),
            _ if matches!(place, Place::Leaf) => self.in_leaf(slot, below),
            _ => self.in_nothing(slot, below),
        }
    }

    /// The number of new tables for the piece of `slot`, at `below` and deeper, where a leaf is or was. An earlier edit
    /// may have made its table in splitting it, or an earlier run.
    fn in_leaf(&self, slot: Slot, below: usize) -> usize {
        let is_there =
            self.earlier.holds_last(slot.whole()) || self.earlier.leaves_cut(slot.whole());
        usize::from(!is_there) + self.below(Place::Leaf, below, slot.piece())
    }

    /// The number of new tables for the piece of `slot`, at `below` and deeper, where no table is, or none that stays.
    /// An earlier run may have made it.
    fn in_nothing(&self, slot: Slot, below: usize) -> usize {
        if self.earlier.holds_last(slot.whole()) {
            return self.below(Place::Absent, below, slot.piece());
        }
        1 + new_tables(slot.piece(), self.fit, below)
    }

    fn table_at(&self, place: Place) -> Option<&Table> {
        match place {
            Place::There(at) => Some(self.radix.table(at)),
            Place::Absent | Place::Leaf => None,
        }
    }

    /// Whether the table in `slot` is given back before the run is mapped: entries that wait are flushed in between,
    /// and nothing else is in it.
    fn goes(&self, slot: Slot, level: usize) -> bool {
        let Some(area) = self.earlier.waiting() else {
            return false;
        };
        let whole = slot.whole();
        let head = area.start().checked_sub(1);
        let head = head.and_then(|last| MemoryArea::new(whole.start(), last).ok());
        let tail = area.next();
        let tail = tail.and_then(|first| MemoryArea::new(first, whole.end()).ok());
        let outside = [head, tail].into_iter().flatten();
        !self.radix.is_pinned(level)
            && outside
                .filter_map(|part| part.intersection(whole))
                .all(|part| self.radix.leaves(part).next().is_none())
    }
}
