//! The number of tables for the large leaves that an edit cuts through.

use core::sync::atomic::Ordering::Acquire;

use super::earlier_edits::EarlierEdits;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::slot::{Slot, slots};
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// The number of new tables for an edit of `area` that is alone in its verb. `changes` says of a leaf whether the
    /// edit changes it: only then is it split. O(levels).
    pub(in crate::backend::radix) fn cost_of_cuts(
        &self,
        area: MemoryArea,
        changes: impl Fn(u64) -> bool + Copy,
    ) -> usize {
        self.cost_of_later_cuts(area, &EarlierEdits::NONE, changes)
    }

    /// The number of new tables for an edit of `area` behind `earlier` ones. Most areas cut through no leaf. O(levels).
    #[inline]
    pub(super) fn cost_of_later_cuts(
        &self,
        area: MemoryArea,
        earlier: &EarlierEdits,
        changes: impl Fn(u64) -> bool + Copy,
    ) -> usize {
        if self.pages_of(area).is_some() {
            return 0;
        }
        let cost = CutCost {
            radix: self,
            earlier,
            changes,
        };
        cost.below(self.root_addr(), Self::TOP, area)
    }
}

/// The count of one edit.
struct CutCost<'a, F: Format, P: Platform, C> {
    radix: &'a Radix<F, P>,
    earlier: &'a EarlierEdits,
    /// Whether the edit changes a leaf.
    changes: C,
}

impl<F: Format, P: Platform, C: Fn(u64) -> bool> CutCost<'_, F, P, C> {
    /// The number of new tables below the table at `at`. Only the slots at the borders can be cut, so at most two are
    /// looked at.
    fn below(&self, at: PhysAddr, level: usize, area: MemoryArea) -> usize {
        let Some(below) = level.checked_sub(1) else {
            return 0;
        };
        let table = self.radix.table(at);
        let cost = |slot: Slot| match Word::read::<F>(slot.of(table).load(Acquire), level) {
            Word::Table(child) => self.below(child, below, slot.piece()),
            Word::Leaf(leaf) if (self.changes)(leaf) => self.of_leaf(slot, level),
            _ => 0,
        };
        let cut = slots(area, level).filter(|slot| !slot.is_whole());
        cut.map(cost).sum()
    }

    /// The number of new tables for the leaf in `slot`, of which the edit wants a part: one for each level down to the
    /// leaves that the border leaves whole. An earlier edit may have split it already.
    fn of_leaf(&self, slot: Slot, level: usize) -> usize {
        let Some(below) = level.checked_sub(1) else {
            return 0;
        };
        let cut = slots(slot.piece(), below).filter(|slot| !slot.is_whole());
        let parts: usize = cut.map(|slot| self.of_leaf(slot, below)).sum();
        parts + usize::from(!self.earlier.has_cut(slot.whole()))
    }
}
