//! The end of a verb: flushing what it has taken out, and giving that back.

use core::sync::atomic::Ordering::Relaxed;

use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::backend::radix::edit::unmap::{Changed, is_vacant};
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::table::{Table, slots};
use crate::flush::Retired;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// Settles all that is owed, and what `retired` says beside: that alone is not believed.
    pub(in crate::backend::radix) fn retire_told(&mut self, retired: &Retired, asid: Asid) {
        let is_all = self.owed.told == *retired;
        if !is_all {
            self.owed.told.absorb(retired);
        }
        self.settle(is_all.then_some(asid));
    }

    /// Flushes all that is owed, and gives back what waits for that. Under `asid`, if it is known that all of it was
    /// cached under no other. Owed until the last frame is back: who is left by a panic here starts anew.
    pub(in crate::backend::radix) fn settle(&mut self, asid: Option<Asid>) {
        if !self.owed.is_any() {
            return;
        }
        let is_torn = self.owed.is_torn();
        if is_torn {
            self.own_up();
        }
        self.flush_and_reap(&self.owed.told, asid.filter(|_| !is_torn));
        self.owed.clear();
    }

    /// Flushes what was taken out, under this ASID or any, and gives back what waits for that. Nobody else is here.
    pub(in crate::backend::radix) fn flush_and_reap(&self, retired: &Retired, asid: Option<Asid>) {
        if retired.needs_flush() {
            self.flush(retired.flush_under(self.root_addr(), asid));
        }
        self.reap(retired.waiting());
    }

    /// After a panic: tables that were left empty are taken out, and all is flushed and looked through. O(tables).
    #[cold]
    fn own_up(&mut self) {
        let mut changed = Changed::default();
        for &range in self.ranges.as_slice() {
            self.take_out_vacant(self.root_table(), Self::TOP, range, &mut changed);
        }
        for &range in self.ranges.as_slice() {
            self.owed.told.note_waiting(range);
        }
        self.owed.told.note_everything();
    }

    /// Takes out the tables in `area` that have nothing in them.
    fn take_out_vacant(
        &self,
        table: &Table,
        level: usize,
        area: MemoryArea,
        changed: &mut Changed,
    ) {
        let Some(below) = level.checked_sub(1) else {
            return;
        };
        for slot in slots(area, level) {
            let Word::Table(child) = Word::read::<F>(slot.of(table).load(Relaxed), level) else {
                continue;
            };
            self.take_out_vacant(self.table(child), below, slot.piece(), changed);
            if !self.is_pinned(level) && is_vacant::<F>(self.table(child)) {
                self.take_out(slot, table, level, child, changed);
            }
        }
    }
}
