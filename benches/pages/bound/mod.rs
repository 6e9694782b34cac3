//! What a kernel's author could write at best for what the benches ask, and no more: words in plain memory, one walk a
//! leaf table, then one loop over its words. It splits no leaf, reserves nothing, and knows of no other CPU. One page
//! by itself is checked as this crate checks it: alignment, range, the frame's owner, and whether the table is empty
//! then.
//!
//! It looks at every word that it maps over or takes out, and clears every table that it makes. Who knows that a table
//! is new, or that none of its leaves owns a frame, can do less.

mod tables;

use std::cell::Cell;

use kernel_vm::Permissions;

use self::tables::{SLOTS, Table, Tables, index, span};
use super::words::Words;
use super::work::PAGE;
use super::{Frames, Owner, PageTable, Pages, READ_WRITE};

pub(crate) struct Bound<W: Words> {
    tables: Tables<W>,
}

/// All bits that are set in any of them.
fn union(slots: &[Cell<u64>]) -> u64 {
    slots.iter().fold(0, |sum, slot| sum | slot.get())
}

impl Pages {
    /// The level of their leaves.
    fn level(&self) -> usize {
        usize::from(self.leaf > PAGE)
    }

    /// What one table after the other has of them: the first address, and how many leaves.
    fn tables(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (mut next, end, leaf) = (self.start(), self.end(), self.leaf);
        std::iter::from_fn(move || {
            let start = next;
            let count = (SLOTS - start / leaf % SLOTS).min((end - start) / leaf);
            next += count * leaf;
            (count > 0).then_some((start, count))
        })
    }
}

impl<W: Words> Bound<W> {
    /// Takes the leaves of `pages` from `start` on out of `table`, and tables that they leave empty. Whether they leave
    /// this one empty, too; the root is never said to be.
    fn clear(&self, table: &Table, level: usize, pages: &Pages, start: usize, end: usize) -> bool {
        if level == pages.level() {
            return clear_leaves::<W>(table, index(start, level), (end - start) / pages.leaf);
        }
        let mut addr = start;
        while addr < end {
            let next = (addr / span(level) + 1) * span(level);
            let slot = &table[index(addr, level)];
            let below = self.tables.below(slot.get());
            if below.is_some_and(|below| self.clear(below, level - 1, pages, addr, next.min(end))) {
                self.tables.release(slot);
            }
            addr = next;
        }
        level < W::TOP && union(table) == 0
    }

    /// The slot of the 4 KiB leaf at `addr`, if its table is there.
    #[inline]
    fn slot(&self, addr: usize) -> Option<&Cell<u64>> {
        Some(&self.tables.find(addr, 0)?[index(addr, 0)])
    }

    #[cold]
    fn query_large(&self, addr: usize) -> Option<u64> {
        let (word, level) = self.leaf(addr)?;
        Some(W::address(word) | (addr % span(level)) as u64)
    }

    /// The leaf that maps `addr`, and its level.
    fn leaf(&self, addr: usize) -> Option<(u64, usize)> {
        let mut table = self.tables.root();
        for level in (1..=W::TOP).rev() {
            let word = table[index(addr, level)].get();
            match self.tables.below(word) {
                Some(below) => table = below,
                None => return W::is_valid(word).then_some((word, level)),
            }
        }
        let word = table[index(addr, 0)].get();
        W::is_valid(word).then_some((word, 0))
    }
}

/// Gives back the frame of an owned leaf.
#[inline]
#[expect(unsafe_code, reason = "words know addresses alone")]
fn release<W: Words>(word: u64) {
    // SAFETY: `install` has put the frame there, and the word goes.
    unsafe { Frames.release_addr(W::address(word)) };
}

/// Takes `count` leaves out of `table`; whether they leave it empty. Each is looked at, as any may own its frame; words
/// of a table that goes stay as they are.
fn clear_leaves<W: Words>(table: &Table, first: usize, count: usize) -> bool {
    let slots = &table[first..][..count];
    if W::is_owned(union(slots)) {
        let words = slots.iter().map(Cell::get);
        words
            .filter(|&word| W::is_owned(word))
            .for_each(release::<W>);
    }
    if count == SLOTS {
        return true;
    }
    slots.iter().for_each(|slot| slot.set(0));
    union(table) == 0
}

impl<W: Words> PageTable for Bound<W> {
    const NAME: &str = W::BOUND;
    const FREES_TABLES: bool = true;

    fn new() -> Self {
        Self {
            tables: Tables::new(),
        }
    }

    fn map(&mut self, pages: &Pages) {
        let level = pages.level();
        let step = W::step(pages.leaf as u64);
        let mut word = W::leaf(pages.first, level, READ_WRITE);
        for (start, count) in pages.tables() {
            let table = self.tables.make(start, level);
            let slots = table.map(|table| &table[index(start, level)..][..count]);
            let Some(slots) = slots.filter(|slots| union(slots) == 0) else {
                return;
            };
            for slot in slots {
                slot.set(word);
                word += step;
            }
        }
    }

    fn unmap(&mut self, pages: &Pages) {
        self.clear(
            self.tables.root(),
            W::TOP,
            pages,
            pages.start(),
            pages.end(),
        );
    }

    fn protect(&mut self, pages: &Pages, permissions: Permissions) {
        let level = pages.level();
        for (start, count) in pages.tables() {
            if let Some(table) = self.tables.find(start, level) {
                for slot in &table[index(start, level)..][..count] {
                    slot.set(W::protected(slot.get(), permissions));
                }
            }
        }
    }

    #[inline]
    fn query(&self, addr: usize) -> Option<u64> {
        let Some(slot) = self.slot(addr) else {
            return self.query_large(addr);
        };
        let word = slot.get();
        W::is_valid(word).then_some(W::address(word) | (addr % PAGE) as u64)
    }

    fn permissions(&self, addr: usize) -> Option<Permissions> {
        let (word, _) = self.leaf(addr)?;
        Some(W::permissions(word))
    }

    /// With the duties of any page table that others call: alignment, range, and a slot that is free.
    #[inline(always)]
    fn map_one(&mut self, page: &Pages) {
        let is_right = is_page::<W>(page.start()) && page.first.is_multiple_of(PAGE as u64);
        let table = self.tables.make(page.start(), 0).expect("no leaf above");
        let slot = &table[index(page.start(), 0)];
        if is_right && page.first < PHYSICAL && slot.get() == 0 {
            slot.set(W::leaf(page.first, 0, READ_WRITE));
        }
    }

    /// With alignment, range, the frame's owner, and whether the page was the last of its table.
    #[inline(always)]
    fn unmap_one(&mut self, page: &Pages) {
        let Some(table) = self.tables.find(page.start(), 0) else {
            return;
        };
        if !is_page::<W>(page.start()) {
            return;
        }
        let word = table[index(page.start(), 0)].replace(0);
        if W::is_owned(word) {
            release::<W>(word);
        }
        if table.iter().all(|slot| slot.get() == 0) {
            self.unmap(page);
        }
    }
}

/// Behind the last physical address that a word can have.
const PHYSICAL: u64 = 1 << 56;

/// Whether `addr` is that of a page in the lower half of what the tables span.
#[inline]
const fn is_page<W: Words>(addr: usize) -> bool {
    addr.is_multiple_of(PAGE) && addr < span(W::TOP) * SLOTS / 2
}

impl<W: Words> Owner for Bound<W> {
    fn install(&mut self, pages: &Pages) {
        for addr in (pages.start()..pages.end()).step_by(PAGE) {
            if let Some(table) = self.tables.make(addr, 0) {
                let frame = Frames.alloc_page().into_addr();
                table[index(addr, 0)].set(W::owned(W::leaf(frame.get(), 0, READ_WRITE)));
            }
        }
    }

    fn unmap_owned(&mut self, pages: &Pages) {
        self.unmap(pages);
    }
}
