//! The entries and the TLBs of the mock, and the edits of both.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::countdown::Countdown;
use super::page::{self, Page};
use crate::area::MemoryArea;
use crate::flush::Flush;
use crate::permissions::Permissions;

/// Everything that a mock keeps, under its lock.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The entries that are not empty, by page number.
    pub(super) pages: BTreeMap<usize, Page>,
    /// The TLB of each CPU that has accessed anything: copies of entries, as they were when they were first used.
    tlbs: BTreeMap<usize, BTreeMap<usize, Page>>,
    pub(super) flushes: usize,
    pub(super) reservations: usize,
    pub(super) failure: Countdown,
}

impl State {
    pub(super) const fn new() -> Self {
        Self {
            pages: BTreeMap::new(),
            tlbs: BTreeMap::new(),
            flushes: 0,
            reservations: 0,
            failure: Countdown::new(),
        }
    }

    /// The entry that the TLB of `cpu` holds for the page with this number, after a walk where it held none.
    ///
    /// `None` when the page table has no valid entry either: that is not cached. O(log n).
    pub(super) fn cached(&mut self, cpu: usize, number: usize) -> Option<Page> {
        let tlb = self.tlbs.entry(cpu).or_default();
        if let Some(&page) = tlb.get(&number) {
            return Some(page);
        }
        let page = self
            .pages
            .get(&number)
            .copied()
            .filter(|page| page.is_valid())?;
        tlb.insert(number, page);
        Some(page)
    }

    /// Empties the pages in `area`. Answers the pages from the first to the last that were valid: those to flush.
    pub(super) fn unmap(&mut self, area: MemoryArea) -> Option<MemoryArea> {
        let mut gone = None;
        take(&mut self.pages, numbers(area), |number, page| {
            if page.is_valid() {
                gone = Some((gone.map_or(number, |(first, _)| first), number));
            }
        });
        gone.and_then(|(first, last)| hull(first, last))
    }

    /// Gives the pages in `area` these permissions. Answers the pages from the first to the last that were valid and
    /// have changed: those to flush.
    pub(super) fn protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Option<MemoryArea> {
        let mut changed = None;
        for (&number, page) in self.pages.range_mut(numbers(area)) {
            if page.is_valid() && page.attributes.permissions != permissions {
                changed = Some((changed.map_or(number, |(first, _)| first), number));
            }
            page.attributes.permissions = permissions;
        }
        changed.and_then(|(first, last)| hull(first, last))
    }

    /// Copies the entries of `from` to the pages of `to` that are empty. The two areas have one size.
    pub(super) fn shift(&mut self, from: MemoryArea, to: MemoryArea) {
        let (first, target) = (page::number(from.start()), page::number(to.start()));
        let pages = self.pages.range(numbers(from));
        let moved: Vec<_> = pages
            .map(|(number, page)| (number - first + target, *page))
            .collect();
        for (number, page) in moved {
            self.pages.entry(number).or_insert(page);
        }
    }

    /// Makes every TLB forget the pages that `flush` names, or everything where it names no ranges.
    pub(super) fn flush(&mut self, flush: &Flush<'_>) {
        self.flushes += 1;
        match flush.ranges() {
            None => self.tlbs.clear(),
            Some(ranges) => self.tlbs.values_mut().for_each(|tlb| {
                ranges
                    .iter()
                    .for_each(|&range| take(tlb, numbers(range), |_, _| ()));
            }),
        }
    }
}

/// The numbers of the pages that have a byte in `area`.
pub(super) fn numbers(area: MemoryArea) -> RangeInclusive<usize> {
    page::number(area.start())..=page::number(area.end())
}

/// The pages from `first` to `last`, which lie in one range.
fn hull(first: usize, last: usize) -> Option<MemoryArea> {
    MemoryArea::new(page::area(first).start(), page::area(last).end()).ok()
}

/// Takes out the pages with these numbers, and shows each to `taken`.
///
/// O(log n + pages taken) when no others lie behind, O(pages taken × log n) otherwise.
fn take(
    pages: &mut BTreeMap<usize, Page>,
    numbers: RangeInclusive<usize>,
    mut taken: impl FnMut(usize, Page),
) {
    if pages
        .last_key_value()
        .is_some_and(|(last, _)| last <= numbers.end())
    {
        let cut_off = pages.split_off(numbers.start());
        return cut_off
            .into_iter()
            .for_each(|(number, page)| taken(number, page));
    }
    while let Some((&number, &page)) = pages.range(numbers.clone()).next() {
        pages.remove(&number);
        taken(number, page);
    }
}
