//! How many tables edits need: counted before the first entry is written.

use core::sync::atomic::Ordering::Acquire;

use super::earlier_edits::Before;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::check::check_edit;
use crate::backend::page_table::Edit;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::table::{Slot, slots};
use crate::error::MapError;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// How many tables `edits` need together, made in this order.
    ///
    /// Runs count what they share once, when they come in address order.
    pub(in crate::backend::radix) fn count(
        &self,
        edits: impl Iterator<Item = Edit>,
    ) -> Result<usize, MapError> {
        let mut needed = 0;
        let mut before = Before::NOTHING;
        let mut is_first = true;
        for edit in edits {
            check_edit(self, edit)?;
            needed += match edit {
                Edit::Map(run) => {
                    self.note_retired(&mut before);
                    self.count_run(&run, &mut before)
                }
                Edit::Shift { from, to } => {
                    self.note_retired(&mut before);
                    self.shifted(from, to)
                        .map(|moved| self.count_run(&moved.run, &mut before))
                        .sum()
                }
                Edit::Unmap(area) => {
                    let new = self.count_cuts(area, &before, |_| true);
                    before = before.unmapped(area);
                    new
                }
                Edit::Protect(area, permissions) => {
                    // Behind another edit, what is there now does not say what will be.
                    let changes =
                        |leaf| !is_first || F::attributes(leaf).permissions != permissions;
                    self.count_cuts(area, &before, changes)
                }
            };
            is_first = false;
        }
        Ok(needed)
    }

    /// New tables for an edit of `area` that is all there is: for the leaves that it cuts through and that `changes`.
    pub(in crate::backend::radix) fn count_split(
        &self,
        area: MemoryArea,
        changes: impl Fn(u64) -> bool + Copy,
    ) -> usize {
        self.count_cuts(area, &Before::NOTHING, changes)
    }

    /// New tables for the leaves that `area` cuts through and that `changes`; most cut through none.
    #[inline]
    fn count_cuts(
        &self,
        area: MemoryArea,
        before: &Before,
        changes: impl Fn(u64) -> bool + Copy,
    ) -> usize {
        if self.pages_of(area).is_some() {
            return 0;
        }
        self.count_splits(self.root_addr(), Self::TOP, area, before, changes)
    }

    /// New tables for the leaves that `area` cuts through and that `changes`.
    fn count_splits(
        &self,
        at: PhysAddr,
        level: usize,
        area: MemoryArea,
        before: &Before,
        changes: impl Fn(u64) -> bool + Copy,
    ) -> usize {
        let Some(below) = level.checked_sub(1) else {
            return 0;
        };
        let table = self.table(at);
        let cost = |slot: Slot| match Word::read::<F>(slot.of(table).load(Acquire), level) {
            Word::Table(child) => self.count_splits(child, below, slot.piece(), before, changes),
            Word::Leaf(leaf) if changes(leaf) => split_cost(slot, level, before),
            _ => 0,
        };
        let cut = slots(area, level).filter(|slot| !slot.is_whole());
        cut.map(cost).sum()
    }
}

/// New tables for the leaf in `slot` at `level`, of which an edit wants a part, and `before` may have cut another.
fn split_cost(slot: Slot, level: usize, before: &Before) -> usize {
    let Some(below) = level.checked_sub(1) else {
        return 0;
    };
    let cut = slots(slot.piece(), below).filter(|slot| !slot.is_whole());
    let parts: usize = cut.map(|slot| split_cost(slot, below, before)).sum();
    parts + usize::from(!before.has_cut(slot.whole()))
}
