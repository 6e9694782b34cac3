//! Making up for a verb that was left by a panic.

use core::sync::atomic::Ordering::Relaxed;

use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::{Exclusive, Radix};
use crate::backend::radix::walk::slot::slots;
use crate::backend::radix::walk::table::Table;
use crate::backend::radix::walk::vacant::all_vacant;
use crate::flush::Retired;
use crate::platform::Platform;

use super::changed::Changed;

impl<F: Format, P: Platform> Radix<F, P> {
    /// Takes out the tables that a verb, left by a panic, has emptied and kept. From then on a flush of everything is
    /// owed, and all areas may have words that wait. O(tables).
    #[cold]
    pub(super) fn own_up(&mut self) {
        // Nobody is told of these changes: everything is noted below.
        let mut changed = Changed::default();
        let this = self.exclusive();
        for &range in this.ranges.as_slice() {
            this.take_out_vacant(this.root_table(), Self::TOP, range, &mut changed);
        }
        note_all(self.owed.told_mut(), self.ranges.as_slice());
    }
}

/// Notes a flush of everything, and that words may wait anywhere in `ranges`.
pub(super) fn note_all(told: &mut Retired, ranges: &[MemoryArea]) {
    ranges.iter().for_each(|&range| told.note_waiting(range));
    told.note_everything();
}

impl<F: Format, P: Platform> Exclusive<'_, F, P> {
    /// Takes out the tables in `area` that have no leaf and no table in them.
    fn take_out_vacant(self, table: &Table, level: usize, area: MemoryArea, changed: &mut Changed) {
        let Some(below) = level.checked_sub(1) else {
            return;
        };
        for slot in slots(area, level) {
            let Word::Table(child) = Word::read::<F>(slot.of(table).load(Relaxed), level) else {
                continue;
            };
            self.take_out_vacant(self.table(child), below, slot.piece(), changed);
            if !self.is_pinned(level) && all_vacant::<F>(self.table(child)) {
                self.take_out(slot, table, level, child, changed);
            }
        }
    }
}
