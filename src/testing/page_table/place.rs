//! The places where the laws map, and arithmetic on runs.
//!
//! A law asks for a *block*: pages and frames that one large leaf could serve. From the block it makes runs that just
//! do not fit a leaf: a page wider, a page further, a page less.

use alloc::vec::Vec;

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::backend::PageTableBackend;
use crate::backend::Run;
use crate::permissions::Permissions;

pub(super) const NONE: Permissions = Permissions::empty();
pub(super) const R: Permissions = Permissions::READ;
pub(super) const RW: Permissions = R.union(Permissions::WRITE);
pub(super) const RXU: Permissions = R.union(Permissions::EXECUTE).union(Permissions::USER);

/// Sizes in pages that are one leaf, or some, on one machine or another: 2 MiB, 4 MiB, 32 MiB and 1 GiB where pages
/// are 4 KiB.
pub(super) const BLOCKS: [usize; 4] = [1 << 9, 1 << 10, 1 << 13, LARGEST];

/// The largest of [`BLOCKS`] in pages: 1 GiB where pages are 4 KiB.
pub(super) const LARGEST: usize = 1 << 18;

/// The value of an `Option` that is there in any page table with room enough for the suite.
///
/// # Panics
/// When there is none: the page table is too small for the laws to be checked.
#[expect(clippy::panic, reason = "there is nothing to test on")]
pub(super) fn sure<T>(value: Option<T>) -> T {
    match value {
        Some(value) => value,
        None => panic!("the page table has too little room for the laws to be checked"),
    }
}

/// A run of `pages` pages, at multiples of its own size in virtual and in physical memory: one leaf, where the machine
/// has leaves of that size.
///
/// Before and behind it there is as much room again, in the range and in physical memory. `None` when the backend has
/// no such place.
pub(super) fn block<B: PageTableBackend>(backend: &B, pages: usize) -> Option<Run> {
    let size = pages.checked_mul(B::PAGE_SIZE)?;
    let twice = size.checked_mul(2)?;
    let first = backend
        .physical_range()
        .start()
        .align_up(size)?
        .checked_add(size)?;
    let room = MemoryArea::from_start_size(first, twice).ok()?;
    if !backend.physical_range().contains_area(room) {
        return None;
    }
    let start = backend.ranges().iter().find_map(|range| {
        let start = range.start().align_up(size)?.checked_add(size)?;
        let room = MemoryArea::from_start_size(start, twice).ok()?;
        range.contains_area(room).then_some(start)
    })?;
    let area = MemoryArea::from_start_size(start, size).ok()?;
    Some(Run {
        area,
        first,
        attributes: Attributes {
            permissions: RW,
            memory_type: MemoryType::Normal,
        },
    })
}

/// The [`block`] of the smallest size in [`BLOCKS`], which every page table under a law has room for.
pub(super) fn small_block<B: PageTableBackend>(backend: &B) -> Run {
    sure(block(backend, 1 << 9))
}

/// The [`block`] of each size in [`BLOCKS`] that fits, the smallest first.
pub(super) fn blocks<B: PageTableBackend>(backend: &B) -> impl Iterator<Item = Run> {
    BLOCKS.into_iter().filter_map(|pages| block(backend, pages))
}

/// `pages` pages of the area, after the first `skipped`.
pub(super) fn part<B: PageTableBackend>(
    area: MemoryArea,
    skipped: usize,
    pages: usize,
) -> MemoryArea {
    let start = sure(area.at(skipped * B::PAGE_SIZE));
    sure(MemoryArea::from_start_size(start, pages * B::PAGE_SIZE).ok())
}

/// The number of pages in the area.
pub(super) fn pages<B: PageTableBackend>(area: MemoryArea) -> usize {
    area.size() / B::PAGE_SIZE
}

/// The first address of each page of the area.
pub(super) fn each_page<B: PageTableBackend>(area: MemoryArea) -> impl Iterator<Item = VirtAddr> {
    (0..pages::<B>(area)).filter_map(move |page| area.at(page * B::PAGE_SIZE))
}

impl Run {
    /// The run with other permissions.
    pub(super) fn allowing(self, permissions: Permissions) -> Self {
        Self {
            attributes: Attributes {
                permissions,
                ..self.attributes
            },
            ..self
        }
    }

    /// The run with frames that lie this many bytes further: a page further, and no large leaf fits.
    pub(super) fn leading_further(self, bytes: usize) -> Self {
        Self {
            first: sure(self.first.checked_add(bytes)),
            ..self
        }
    }

    /// The run with this many bytes more on either side, in virtual and in physical memory.
    pub(super) fn widened(self, bytes: usize) -> Self {
        let start = sure(self.area.start().checked_sub(bytes));
        let area = sure(MemoryArea::from_start_size(start, self.area.size() + 2 * bytes).ok());
        Self {
            area,
            first: sure(self.first.checked_sub(bytes)),
            ..self
        }
    }

    /// The part of the run in `area`, of which at least a byte lies in the run.
    pub(super) fn inside(self, area: MemoryArea) -> Self {
        sure(self.intersection(area))
    }

    /// The parts of the run before and behind `area`, if there are any.
    pub(super) fn outside(self, area: MemoryArea) -> impl Iterator<Item = Self> {
        let before = area
            .start()
            .checked_sub(1)
            .and_then(|end| MemoryArea::new(VirtAddr::new(0), end).ok());
        let behind = area
            .next()
            .and_then(|start| MemoryArea::new(start, VirtAddr::new(usize::MAX)).ok());
        [before, behind]
            .into_iter()
            .flatten()
            .filter_map(move |side| self.intersection(side))
    }

    /// The run after a `protect` of `area`: the parts before and behind, and the part in it with these permissions.
    pub(super) fn changed_inside(self, area: MemoryArea, permissions: Permissions) -> Vec<Self> {
        let inside = self.intersection(area).map(|run| run.allowing(permissions));
        sorted(self.outside(area).chain(inside))
    }
}

/// The runs in address order.
pub(super) fn sorted(runs: impl Iterator<Item = Run>) -> Vec<Run> {
    let mut runs: Vec<_> = runs.collect();
    runs.sort_unstable_by_key(|run| run.area.start());
    runs
}

/// The runs, joined where one continues another: so answers do not depend on the size of leaves.
pub(super) fn joined(runs: impl IntoIterator<Item = Run>) -> Vec<Run> {
    let mut joined: Vec<Run> = Vec::new();
    for run in runs {
        match joined
            .last_mut()
            .and_then(|last| Some((both(*last, run)?, last)))
        {
            Some((both, last)) => *last = both,
            None => joined.push(run),
        }
    }
    joined
}

/// Both runs as one, when `right` continues `left` in pages, in frames and with the same attributes.
fn both(left: Run, right: Run) -> Option<Run> {
    let continues = left.area.next() == Some(right.area.start())
        && left.first.checked_add(left.area.size()) == Some(right.first)
        && left.attributes == right.attributes;
    let area = MemoryArea::new(left.area.start(), right.area.end())
        .ok()
        .filter(|_| continues)?;
    Some(Run { area, ..left })
}
