//! Pages in a row.

use alloc::vec::Vec;
use core::ops::Range;

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::frame::FRAME_SIZE;

/// How many pages a scope has.
pub(super) const PAGES: usize = 5;

/// What was done before the first verb of a sequence.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// Nothing.
    Empty,
    /// All pages are in use.
    InUse,
}

/// Pages in a row, one at least.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Span {
    /// All of a scope.
    pub(super) const ALL: Self = Self {
        first: 0,
        count: PAGES,
    };

    pub(super) fn of(range: Range<usize>) -> Self {
        Self {
            first: range.start,
            count: range.len(),
        }
    }

    pub(super) fn page(first: usize) -> Self {
        Self { first, count: 1 }
    }

    /// Every span of a scope: fifteen.
    pub(super) fn each() -> Vec<Self> {
        let spans = (0..PAGES).flat_map(|first| (first + 1..=PAGES).map(move |end| first..end));
        spans.map(Self::of).collect()
    }

    pub(super) const fn end(self) -> usize {
        self.first + self.count
    }

    pub(super) fn pages(self) -> Range<usize> {
        self.first..self.end()
    }

    pub(super) const fn overlaps(self, other: Self) -> bool {
        self.first < other.end() && other.first < self.end()
    }

    /// Where the pages are in a scope whose first page is at `base`.
    pub(super) fn area(self, base: usize) -> MemoryArea {
        let start = VirtAddr::new(base + self.first * FRAME_SIZE);
        MemoryArea::from_start_size(start, self.count * FRAME_SIZE).unwrap()
    }

    /// Without its last page, where it has more.
    pub(super) fn shorter(self) -> Self {
        let count = self.count.saturating_sub(1).max(1);
        Self { count, ..self }
    }
}

impl core::fmt::Debug for Span {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}..{}", self.first, self.end())
    }
}
