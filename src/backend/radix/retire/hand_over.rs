//! Handing frames to a caller, instead of giving them back.

use core::sync::atomic::Ordering::Relaxed;

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::backend::lost::Replaced;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::slot::each_filled;
use crate::backend::radix::walk::table::Table;
use crate::flush::Retired;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// As [`Paging::retire_into`](crate::backend::Paging::retire_into).
    pub(in crate::backend::radix) fn settle_into(
        &mut self,
        retired: Retired,
        asid: Asid,
        mut sink: impl FnMut(VirtAddr, Replaced),
    ) {
        if self.owed.is_torn() || *self.owed.told_mut() != retired {
            // Whose frames wait is not known: they are the platform's.
            return self.settle_told(&retired, asid);
        }
        if retired.needs_flush() {
            self.flush(retired.flush_under(self.root_addr(), Some(asid)));
        }
        // Owed until the last table is back. Should the sink panic, the next settlement makes up for the rest.
        for area in retired.waiting() {
            for area in self.canonical(*area) {
                self.hand_over(self.root_table(), Self::TOP, false, area, &mut sink);
            }
        }
        self.exclusive().reap(retired.waiting());
        self.owed.clear();
    }

    /// Takes the owned pages out that wait in `area`, which lies in `table`. `is_out` says whether the table itself
    /// waits: all its leaves do, then.
    fn hand_over(
        &self,
        table: &Table,
        level: usize,
        is_out: bool,
        area: MemoryArea,
        sink: &mut impl FnMut(VirtAddr, Replaced),
    ) {
        each_filled(table, area, level, |slot, word| {
            let below = level.checked_sub(1);
            match (Word::read::<F>(word, level), below) {
                (Word::Table(child), Some(below)) => {
                    self.hand_over(self.table(child), below, is_out, slot.piece(), sink);
                }
                (Word::RetiredTable(child), Some(below)) => {
                    self.hand_over(self.table(child), below, true, slot.piece(), sink);
                }
                (Word::RetiredLeaf(leaf), _) if leaf & F::OWNED != 0 => {
                    slot.of(table).store(0, Relaxed);
                    sink(slot.piece().start(), self.replaced(leaf));
                }
                (Word::Leaf(leaf), None) if is_out && leaf & F::OWNED != 0 => {
                    slot.of(table).store(0, Relaxed);
                    sink(slot.piece().start(), self.replaced(leaf));
                }
                _ => {}
            }
        });
    }

    /// The frame of an owned leaf that was just taken out.
    fn replaced(&self, leaf: u64) -> Replaced {
        Replaced {
            frame: self.take_frame(F::addr(leaf)),
            dirty: F::marks(leaf) & F::DIRTY != 0,
        }
    }
}
