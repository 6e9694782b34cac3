//! Pages of a random run, and permissions of theirs: by small numbers, so that steps are short to read.

use core::ops::Range;

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::permissions::Permissions;

/// The pages of these spaces, in bytes.
pub(super) const PAGE: usize = 4096;

/// Pages in a row; at least one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Span {
    pub(super) fn of(range: Range<usize>) -> Self {
        Self {
            first: range.start,
            count: range.len(),
        }
    }

    pub(super) fn end(self) -> usize {
        self.first + self.count
    }

    pub(super) fn range(self) -> Range<usize> {
        self.first..self.end()
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        self.first < other.end() && other.first < self.end()
    }

    /// Where the pages are in a space whose first page is at `base`.
    #[expect(clippy::expect_used, reason = "a panic is a failure like any other")]
    pub(super) fn area(self, base: usize) -> MemoryArea {
        let start = VirtAddr::new(base + self.first * PAGE);
        MemoryArea::from_start_size(start, self.count * PAGE).expect("spans are small, not empty")
    }
}

/// Permissions as bits: 1 reads, 2 writes, 4 executes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rights(pub(super) u8);

impl Rights {
    pub(super) const READ: u8 = 1;
    pub(super) const WRITE: u8 = 2;
    pub(super) const EXECUTE: u8 = 4;

    /// For programs, so that user mode is allowed them.
    pub(super) fn permissions(self) -> Permissions {
        Permissions::from_bits_retain(self.0) | Permissions::USER
    }
}
