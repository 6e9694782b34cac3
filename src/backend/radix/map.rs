//! Writing leaves where nothing is.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::count::fits;
use super::format::{Format, Word};
use super::reserve::Reserved;
use super::table::{Slot, Table, slots};
use super::walker::Radix;
use crate::addr::PhysAddr;
use crate::backend::run::Run;
use crate::flush::Tlb;
use crate::frame::FrameAllocator;
use crate::permissions::Permissions;

/// Who may see a table while it is filled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Nobody: it is not in the page table yet, so plain stores do.
    Private,
    /// The MMU and other CPUs: an entry is taken by compare-and-swap, and what is there stays.
    Published,
}

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    pub(super) fn map_run(&self, run: Run, with: &mut Reserved) {
        if run.attributes.permissions.contains(Permissions::EXECUTE) {
            run.physical()
                .into_iter()
                .for_each(|frames| self.platform().made_code(frames));
        }
        for part in self
            .canonical(run.area)
            .filter_map(|area| run.intersection(area))
        {
            self.map_in(self.root_table(), Self::TOP, part, Reach::Published, with);
        }
        if run.attributes.permissions.allow_any() {
            self.platform().made_valid(run.area);
        }
    }

    fn map_in(&self, table: &Table, level: usize, run: Run, reach: Reach, with: &mut Reserved) {
        for slot in slots(run.area, level) {
            let Some(part) = run.intersection(slot.piece()) else {
                continue;
            };
            let word = slot.of(table);
            if fits::<F>(slot, part, level)
                && put(word, F::leaf(part.first, part.attributes, level), reach)
            {
                continue;
            }
            match F::decode(word.load(Acquire), level) {
                Word::Table(child) => self.map_in(self.table(child), level - 1, part, reach, with),
                Word::Empty => self.map_below(slot, table, level, part, reach, with),
                Word::Retired(child) => self.map_again(slot, table, child, level, part, with),
                Word::Leaf(..) | Word::Hidden(..) => {}
            }
        }
    }

    /// Fills a new table with `part` and publishes it with one store; when another CPU was first, fills its table.
    fn map_below(
        &self,
        slot: Slot,
        table: &Table,
        level: usize,
        part: Run,
        reach: Reach,
        with: &mut Reserved,
    ) {
        let Some(below) = level.checked_sub(1) else {
            return;
        };
        let Some((at, child)) = self.take_table(with) else {
            return;
        };
        self.map_in(child, below, part, Reach::Private, with);
        let word = slot.of(table);
        if put(word, F::table(at, level), reach) {
            return;
        }
        self.put_back(at, below, with);
        if let Word::Table(child) = F::decode(word.load(Acquire), level) {
            self.map_in(self.table(child), below, part, reach, with);
        }
    }

    /// Puts a table back that the same verb has taken out, emptied, and fills it: the flush is yet to come, so its
    /// frame must stay where a stale pointer leads. No other CPU is here: retired words are there only while a verb
    /// has the page table to itself.
    fn map_again(
        &self,
        slot: Slot,
        table: &Table,
        child: PhysAddr,
        level: usize,
        part: Run,
        with: &mut Reserved,
    ) {
        let Some(below) = level.checked_sub(1) else {
            return;
        };
        let again = self.table(child);
        for word in again {
            match F::decode(word.load(Relaxed), below) {
                Word::Table(under) => word.store(F::retired(under, below), Relaxed),
                Word::Leaf(..) | Word::Hidden(..) => word.store(0, Relaxed),
                Word::Empty | Word::Retired(_) => {}
            }
        }
        slot.of(table).store(F::table(child, level), Release);
        self.map_in(again, below, part, Reach::Published, with);
    }
}

/// Writes `new` into an empty entry; false when it is not empty. Release: whoever reads a pointer there sees the table
/// behind it filled.
fn put(word: &AtomicU64, new: u64, reach: Reach) -> bool {
    match reach {
        Reach::Private => {
            word.store(new, Relaxed);
            true
        }
        Reach::Published => {
            word.load(Relaxed) == 0 && word.compare_exchange(0, new, Release, Relaxed).is_ok()
        }
    }
}
