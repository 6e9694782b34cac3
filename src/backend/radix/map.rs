//! Writing leaves where nothing is.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::count::fits;
use super::format::{Format, Word};
use super::reserved::Reserved;
use super::table::{Slot, Table, slots};
use super::walker::Radix;
use crate::addr::PhysAddr;
use crate::backend::run::Run;
use crate::flush::Tlb;
use crate::frame::FrameAllocator;
use crate::permissions::Permissions;

/// Who may see a table while it is filled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Nobody: it is not in the page table yet, so plain stores do.
    Nobody,
    /// The MMU and other CPUs: an entry is taken by compare-and-swap, and what is there stays.
    Everybody,
}

/// A fill under way.
struct Fill<'a> {
    with: &'a mut Reserved,
    audience: Audience,
    /// Whether a leaf was written.
    wrote: bool,
}

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    pub(super) fn map_run(&self, run: Run, with: &mut Reserved) {
        if run.attributes.permissions.contains(Permissions::EXECUTE) {
            let frames = run.pmarea();
            frames
                .into_iter()
                .for_each(|frames| self.platform().made_code(frames));
        }
        let mut fill = Fill {
            with,
            audience: Audience::Everybody,
            wrote: false,
        };
        self.map_in(self.root_table(), Self::TOP, run, &mut fill);
        if fill.wrote && run.attributes.permissions.allow_any() {
            self.platform().made_valid(run.area);
        }
    }

    fn map_in(&self, table: &Table, level: usize, run: Run, fill: &mut Fill<'_>) {
        for slot in slots(run.area, level) {
            let Some(part) = run.intersection(slot.piece()) else {
                continue;
            };
            let word = slot.of(table);
            if fits::<F>(slot, part, level)
                && put(
                    word,
                    F::leaf(part.first, part.attributes, level),
                    fill.audience,
                )
            {
                fill.wrote = true;
                continue;
            }
            match F::decode(word.load(Acquire), level) {
                Word::Table(child) => self.map_in(self.table(child), level - 1, part, fill),
                Word::Empty => self.map_below(slot, table, level, part, fill),
                Word::Retired(child) => self.map_again(slot, table, child, level, part, fill),
                Word::Leaf(..) | Word::Hidden(..) => {}
            }
        }
    }

    /// Fills a new table with `part` and publishes it with one store; when another CPU was first, fills its table.
    fn map_below(&self, slot: Slot, table: &Table, level: usize, part: Run, fill: &mut Fill<'_>) {
        let Some(below) = level.checked_sub(1) else {
            return;
        };
        let Some((at, child)) = self.take_table(fill.with) else {
            return;
        };
        let mut private = Fill {
            with: fill.with,
            audience: Audience::Nobody,
            wrote: false,
        };
        self.map_in(child, below, part, &mut private);
        let wrote = private.wrote;
        let word = slot.of(table);
        if wrote && put(word, F::table(at, level), fill.audience) {
            fill.wrote = true;
            return;
        }
        self.put_back(at, below, fill.with);
        if let Word::Table(child) = F::decode(word.load(Acquire), level) {
            self.map_in(self.table(child), below, part, fill);
        }
    }

    /// Puts a table back that the same verb has taken out, emptied, and fills it: the flush is yet to come, so its
    /// frame must stay where a stale pointer leads. No other CPU is here: what was taken out is retired before anybody
    /// shares the page table again.
    fn map_again(
        &self,
        slot: Slot,
        table: &Table,
        child: PhysAddr,
        level: usize,
        part: Run,
        fill: &mut Fill<'_>,
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
        self.map_in(again, below, part, fill);
    }
}

/// Writes `new` into an empty entry; false when it is not empty. Release: whoever reads a pointer there sees the table
/// behind it filled.
fn put(word: &AtomicU64, new: u64, audience: Audience) -> bool {
    match audience {
        Audience::Nobody => {
            word.store(new, Relaxed);
            true
        }
        Audience::Everybody => {
            word.load(Relaxed) == 0 && word.compare_exchange(0, new, Release, Relaxed).is_ok()
        }
    }
}
