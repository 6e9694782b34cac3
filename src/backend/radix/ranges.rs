//! What a page table can map.

use arrayvec::ArrayVec;

use crate::addr::VirtAddr;
use crate::area::MemoryArea;

/// One or two ranges of addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranges {
    /// Where there is one, it stands twice, so that a search need not count.
    areas: [MemoryArea; 2],
    count: usize,
    /// Their first addresses, and their sizes less one.
    spans: [(usize, usize); 2],
}

impl Ranges {
    pub(super) const fn one(area: MemoryArea) -> Self {
        Self::new([area, area], 1)
    }

    pub(super) const fn two(areas: [MemoryArea; 2]) -> Self {
        Self::new(areas, 2)
    }

    const fn new(areas: [MemoryArea; 2], count: usize) -> Self {
        let [one, other] = areas;
        Self {
            areas,
            count,
            spans: [span(one), span(other)],
        }
    }

    pub(super) fn as_slice(&self) -> &[MemoryArea] {
        self.areas.get(..self.count).unwrap_or_default()
    }

    /// Whether `addr` can be mapped: one comparison a range, and no branch.
    #[inline]
    pub(super) fn contains(&self, addr: VirtAddr) -> bool {
        let [one, other] = self
            .spans
            .map(|(start, span)| addr.get().wrapping_sub(start) <= span);
        one | other
    }

    /// The parts of `area` that can be mapped.
    pub(super) fn parts(&self, area: MemoryArea) -> ArrayVec<MemoryArea, 2> {
        let ranges = self.as_slice().iter();
        ranges
            .filter_map(|range| range.intersection(area))
            .collect()
    }
}

const fn span(area: MemoryArea) -> (usize, usize) {
    let (start, end) = (area.start().get(), area.end().get());
    (start, end - start)
}
