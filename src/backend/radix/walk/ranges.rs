//! The addresses that a page table can map.

use arrayvec::ArrayVec;

use crate::addr::VirtAddr;
use crate::area::MemoryArea;

/// The addresses that a page table can map: one range, or the two halves of the space.
///
/// Every walk begins with a question to this value. A table does not know which half it is in: an address that is not
/// canonical would be taken for its alias.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranges {
    /// The ranges in address order. A range that is alone stands twice.
    areas: [MemoryArea; 2],
    count: usize,
    /// The first address of the one stretch that the ranges make. The upper half ends where the space does, and the
    /// lower begins there: together they are one stretch, which goes on at 0 behind the last address.
    start: usize,
    /// The size of that stretch in bytes, less one.
    span: usize,
}

impl Ranges {
    /// One range.
    pub(crate) const fn one(area: MemoryArea) -> Self {
        let (start, end) = (area.start().get(), area.end().get());
        Self {
            areas: [area, area],
            count: 1,
            start,
            span: end - start,
        }
    }

    /// The lower half, from address 0 on, and the upper, up to the last address. In a constant, other areas do not
    /// compile.
    pub(crate) const fn halves([lower, upper]: [MemoryArea; 2]) -> Self {
        let (start, end) = (upper.start().get(), lower.end().get());
        assert!(lower.start().get() == 0 && upper.end().get() == usize::MAX && end < start);
        Self {
            areas: [lower, upper],
            count: 2,
            start,
            span: end.wrapping_sub(start),
        }
    }

    /// The ranges, ascending.
    pub(crate) fn as_slice(&self) -> &[MemoryArea] {
        self.areas.get(..self.count).unwrap_or_default()
    }

    /// Whether `addr` can be mapped: one comparison.
    #[inline]
    pub(crate) const fn contains(&self, addr: VirtAddr) -> bool {
        addr.get().wrapping_sub(self.start) <= self.span
    }

    /// The parts of `area` that can be mapped.
    pub(crate) fn parts(&self, area: MemoryArea) -> ArrayVec<MemoryArea, 2> {
        let ranges = self.as_slice().iter();
        ranges
            .filter_map(|range| range.intersection(area))
            .collect()
    }
}
