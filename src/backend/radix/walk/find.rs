//! Finding the entry of one address.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

use super::table::{Table, span, word};
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::run::{Entry, Run};
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// The physical address of `addr`, as the MMU would find it, whatever the leaf allows; `None` where no valid leaf
    /// is. O(levels): one load each.
    #[must_use]
    #[inline]
    pub fn translate(&self, addr: VirtAddr) -> Option<PhysAddr> {
        let Some(Pages { table, .. }) = self.pages_at(addr) else {
            return self.translate_large(addr);
        };
        leads_to::<F>(word(table, addr, 0).load(Acquire), addr, 0)
    }

    /// The physical address of `addr` in a leaf that is more than a page. Apart, so that pages pay nothing for the
    /// sizes of others.
    #[cold]
    fn translate_large(&self, addr: VirtAddr) -> Option<PhysAddr> {
        let Found { value, level, .. } = self.find(addr)?;
        leads_to::<F>(value, addr, level)
    }

    /// The entry of the page that holds `addr`. O(levels).
    #[inline]
    pub(in crate::backend::radix) fn find_entry(&self, addr: VirtAddr) -> Entry {
        self.find(addr).map_or(Entry::Empty, |found| {
            entry::<F>(found.value, addr, found.level)
        })
    }

    /// The word that is no pointer, at the end of the way to `addr`; `None` for an address that cannot be mapped.
    ///
    /// Each load acquires: whoever sees a pointer sees the table behind it filled.
    #[inline]
    pub(in crate::backend::radix) fn find(&self, addr: VirtAddr) -> Option<Found<'_>> {
        if !self.ranges.contains(addr) {
            return None;
        }
        let mut table = self.root_table();
        let mut level = Self::TOP;
        loop {
            let word = word(table, addr, level);
            let value = word.load(Acquire);
            if level == 0 || !F::is_table(value, level) {
                return Some(Found { word, value, level });
            }
            table = self.table(F::child(value));
            level -= 1;
        }
    }

    /// The word of the page that holds `addr`; `None` where there is no table for it.
    pub(in crate::backend::radix) fn find_page(&self, addr: VirtAddr) -> Option<&AtomicU64> {
        let found = self.find(addr)?;
        (found.level == 0).then_some(found.word)
    }

    /// The table of the pages in `area`, and the pointer to it, if all of them have the same table. Most edits are so
    /// small, and begin here, without a way down from the root for each slot.
    #[inline]
    pub(in crate::backend::radix) fn pages_of(&self, area: MemoryArea) -> Option<Pages<'_>> {
        let block = span(1);
        let in_one = area.start().get() / block == area.end().get() / block;
        let in_range = in_one && self.ranges.contains(area.end());
        in_range.then(|| self.pages_at(area.start()))?
    }

    /// The table of the page at `page`, and the pointer to it, if there is one.
    #[inline]
    pub(in crate::backend::radix) fn pages_at(&self, page: VirtAddr) -> Option<Pages<'_>> {
        if !self.ranges.contains(page) {
            return None;
        }
        let mut table = self.root_table();
        let mut level = Self::TOP;
        loop {
            let pointer = word(table, page, level);
            let value = pointer.load(Acquire);
            if !F::is_table(value, level) {
                return None;
            }
            table = self.table(F::child(value));
            if level == 1 {
                return Some(Pages { pointer, table });
            }
            level -= 1;
        }
    }
}

/// The end of a way down: a place, its word when it was read, and its level.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    /// The place. Other CPUs and the MMU may write it.
    pub(crate) word: &'a AtomicU64,
    /// The word that was read there.
    pub(crate) value: u64,
    pub(crate) level: usize,
}

/// A table of pages, and the pointer to it.
#[derive(Clone, Copy)]
pub(crate) struct Pages<'a> {
    pub(crate) pointer: &'a AtomicU64,
    pub(crate) table: &'a Table,
}

impl Pages<'_> {
    /// The address of the table.
    pub(crate) fn at<F: Format>(self) -> PhysAddr {
        F::child(self.pointer.load(Relaxed))
    }
}

/// The physical address of `addr` in `leaf`, a word at `level` that is no pointer; `None` unless it is valid.
#[inline]
fn leads_to<F: Format>(leaf: u64, addr: VirtAddr, level: usize) -> Option<PhysAddr> {
    // A leaf is aligned to its size, so this is their sum.
    let offset = (addr.get() % span(level)) as u64;
    (leaf & F::VALID != 0).then(|| PhysAddr::new(F::addr(leaf).get() | offset))
}

/// The entry that `word`, on the way to `addr` at `level`, is to a caller. A pointer has no leaf yet: it is empty.
#[inline]
pub(crate) fn entry<F: Format>(word: u64, addr: VirtAddr, level: usize) -> Entry {
    let run = Run {
        area: MemoryArea::block(addr, span(level)),
        first: F::addr(word),
        attributes: F::attributes(word),
    };
    match Word::read::<F>(word, level) {
        Word::Leaf(_) if word & F::VALID != 0 => Entry::Leaf(run),
        Word::Leaf(_) => Entry::Hidden(run),
        Word::RetiredLeaf(_) | Word::RetiredTable(_) => Entry::Busy,
        Word::Empty | Word::Table(_) => Entry::Empty,
    }
}
