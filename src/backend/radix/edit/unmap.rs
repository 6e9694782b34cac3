//! Unmapping: taking leaves and tables out.
//!
//! A table that the area covers goes as one: its pointer is retired, and its words stay. So unmapping a gigabyte of
//! pages touches a word for each table, and the reaping, after the flush, the tables themselves.

use core::sync::atomic::Ordering::Relaxed;

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::retired::{retired_leaf, waits};
use crate::backend::radix::entry::transition::retire::retire;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::{Exclusive, Radix};
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::retire::changed::Changed;
use crate::backend::radix::walk::find::Pages;
use crate::backend::radix::walk::slot::{Slot, each_filled};
use crate::backend::radix::walk::table::Table;
use crate::backend::radix::walk::vacant::{all_vacant, populated};
use crate::flush::Retired;
use crate::frame::FRAME_SIZE;
use crate::platform::Platform;

/// An unmap under way.
struct UnmapEdit<'a> {
    reserved: &'a mut Reserved,
    changed: Changed,
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Empties every entry of `area`, which may be any area, and tells `out`. Frames are given back when that is
    /// settled. O(levels + tables at the borders).
    pub(in crate::backend::radix) fn unmap_area(
        &mut self,
        area: MemoryArea,
        reserved: &mut Reserved,
        out: &mut Retired,
    ) {
        // A part of a page cannot stay: the whole page is unmapped.
        let area = area.widened(FRAME_SIZE);
        let mut changed = Changed::default();
        if let Some(Pages { pointer, table }) = self.pages_of(area) {
            let owned = pointer.load(Relaxed) & F::OWNED != 0;
            self.unmap_pages(table, owned, area, &mut changed);
            if !all_vacant::<F>(table) {
                return changed.tell(out);
            }
            // The table is empty now. The way down from the root takes it out, and those above it that are empty then.
        }
        let this = self.exclusive();
        for part in this.canonical(area) {
            let changed = core::mem::take(&mut changed);
            let mut edit = UnmapEdit { reserved, changed };
            for part in this.filled.parts::<F>(part) {
                this.unmap_in(this.root_table(), Self::TOP, false, part, &mut edit);
            }
            edit.changed.tell(out);
        }
    }
}

impl<F: Format, P: Platform> Exclusive<'_, F, P> {
    /// Empties the entries of `area` in a table; `owned` says whether it may have leaves that own their frames.
    fn unmap_in(
        self,
        table: &Table,
        level: usize,
        owned: bool,
        area: MemoryArea,
        edit: &mut UnmapEdit<'_>,
    ) {
        if level == 0 {
            return self.unmap_pages(table, owned, area, &mut edit.changed);
        }
        each_filled(table, area, level, |slot, word| {
            match Word::read::<F>(word, level) {
                Word::Table(child) => self.unmap_below(slot, table, child, level, edit),
                Word::Leaf(leaf) => {
                    match self.split_part(slot, table, leaf, level, edit.reserved) {
                        Some(child) => self.unmap_below(slot, table, child, level, edit),
                        None => self.take_out_leaf(slot, table, leaf, &mut edit.changed),
                    }
                }
                Word::Empty | Word::RetiredTable(_) | Word::RetiredLeaf(_) => {}
            }
        });
    }

    /// Empties the piece of `slot` in the table at `child`, and takes that table out when nothing is left in it: its
    /// pointer stays as a retired word until the flush. A table that the edit covers goes without a look at its words.
    fn unmap_below(
        self,
        slot: Slot,
        table: &Table,
        child: PhysAddr,
        level: usize,
        edit: &mut UnmapEdit<'_>,
    ) {
        let Some(below) = level.checked_sub(1) else {
            return;
        };
        let pinned = self.is_pinned(level);
        if pinned || !slot.is_whole() {
            let owned = slot.of(table).load(Relaxed) & F::OWNED != 0;
            self.unmap_in(self.table(child), below, owned, slot.piece(), edit);
            if pinned || !all_vacant::<F>(self.table(child)) {
                return;
            }
        }
        self.take_out(slot, table, level, child, &mut edit.changed);
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Empties a run of pages, in one of three ways.
    ///
    /// - No leaf can wait: 0 is stored in each word. Nobody else adds or removes leaves, so load and store stand apart.
    /// - The MMU may set D of an owned leaf, or all leaves wait (break-before-make): each word is swapped for 0 first,
    ///   so that no bit is lost.
    /// - Otherwise some leaves wait, and nobody else writes: load and store, with a retired word for those that do.
    fn unmap_pages(&self, table: &Table, owned: bool, area: MemoryArea, changed: &mut Changed) {
        let Some((slots, area)) = populated(table, area) else {
            return;
        };
        let words = table.get(slots).unwrap_or_default();
        let mut seen = 0;
        if !owned && !F::BREAK_BEFORE_MAKE {
            for word in words {
                seen |= word.load(Relaxed);
                word.store(0, Relaxed);
            }
        } else if self.is_written_by_hardware() || F::BREAK_BEFORE_MAKE {
            for word in words {
                seen |= retire::<F>(word, 0);
            }
        } else {
            for word in words {
                let old = word.load(Relaxed);
                let is_owned = old & F::OWNED != 0;
                word.store(if is_owned { retired_leaf::<F>(old) } else { 0 }, Relaxed);
                seen |= old;
            }
        }
        if seen & F::VALID != 0 {
            changed.leaves(area);
        }
        if waits::<F>(seen) {
            changed.entries(area);
        }
    }
}
