//! The end of a deferred verb, while other CPUs look and fault.
//!
//! This is the one way in which a table goes under `&self`. It rests on two facts:
//! - A table is given back only behind a retired pointer. That was retired under `&mut`, when no other CPU was on its
//!   way down; who has come since has found it busy, and has gone no further. So nobody but the MMU can be in that
//!   table, and the flush has ended the MMU's walks.
//! - Each retired word is emptied by a compare-and-swap before what it holds is given back. So each frame is given back
//!   once, even if several CPUs settle at the same time.
//!
//! Words that other CPUs may be at are left alone: leaves, pointers, and leaves that are broken while their frames are
//! exchanged.

use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::transition::reap::{Reaped, reap};
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::slot::each_filled;
use crate::backend::radix::walk::table::Table;
use crate::flush::Retired;
use crate::platform::Platform;

use super::own_up::note_all;

impl<F: Format, P: Platform> Radix<F, P> {
    /// As [`PageTableBackend::settle`](crate::backend::PageTableBackend::settle).
    ///
    /// All is owed until the last frame is back: after a panic in here, the next settlement begins anew. Tables that a
    /// verb left by a panic has emptied stay, as others may be filling them: they are left to who has the page table to
    /// himself.
    pub(in crate::backend::radix) fn settle_shared(&self, retired: &Retired, asid: Asid) {
        let told = self.owed.told();
        if told == Some(retired) && !self.owed.is_torn() {
            self.flush_and_reap_shared(retired, Some(asid));
        } else {
            let mut all = Retired::new();
            told.into_iter().for_each(|told| all.absorb(told));
            all.absorb(retired);
            if self.owed.is_torn() {
                note_all(&mut all, self.ranges.as_slice());
            }
            self.flush_and_reap_shared(&all, None);
        }
        self.owed.note_settled();
    }

    /// Flushes the ranges of `retired`, under this ASID or any, and gives back all that waits in its areas.
    fn flush_and_reap_shared(&self, retired: &Retired, asid: Option<Asid>) {
        if retired.needs_flush() {
            self.flush(retired.flush_under(self.root_addr(), asid));
        }
        let areas = retired.waiting().iter();
        for area in areas.flat_map(|&area| self.canonical(area)) {
            for part in self.filled.parts::<F>(area) {
                self.reap_shared(self.root_table(), Self::TOP, part);
            }
        }
    }

    /// Gives back every table and frame that waits in `area`, which lies in `table`. O(tables in the area + frames
    /// given back).
    fn reap_shared(&self, table: &Table, level: usize, area: MemoryArea) {
        each_filled(table, area, level, |slot, word| {
            let below = level.checked_sub(1);
            if let (Word::Table(child), Some(below)) = (Word::read::<F>(word, level), below) {
                return self.reap_shared(self.table(child), below, slot.piece());
            }
            match (reap::<F>(slot.of(table), word, level), below) {
                (Some(Reaped::Table(child, owned)), Some(below)) => {
                    self.unlinked().release_tree(child, below, owned);
                }
                (Some(Reaped::Leaf(leaf)), _) if leaf & F::OWNED != 0 => self.release_page(leaf),
                _ => {}
            }
        });
    }
}
