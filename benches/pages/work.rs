//! What is mapped, and what is asked for.

use std::cell::OnceCell;

use kernel_vm::{MemoryArea, VirtAddr};

use crate::random::Random;

pub(crate) const PAGE: usize = 4096;
pub(crate) const LARGE: usize = 2 << 20;
const GIB: usize = 1 << 30;

/// How many areas of large leaves are mapped between two looks at the clock, as one look may take as long as one area.
const AREAS: usize = 8;

/// How many addresses are asked for in turn: more than a branch predictor learns. A power of two.
const QUERIES: usize = 1 << 16;

/// Pages in a row that lead to memory in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pages {
    pub(crate) area: MemoryArea,
    /// Where the first one leads.
    pub(crate) first: u64,
    /// The size of their leaves: [`PAGE`] or [`LARGE`].
    pub(crate) leaf: usize,
}

/// The pages of one size of bench.
pub(crate) struct Work {
    pub(crate) mib: usize,
    /// To be mapped with leaves of 4 KiB.
    pub(crate) small: Pages,
    /// To be mapped with leaves of 2 MiB. One call speaks of one of them.
    pub(crate) large: [Pages; AREAS],
    queries: OnceCell<Vec<usize>>,
}

impl Pages {
    /// They lead to the memory one leaf behind `first`, so that no leaf can be larger.
    fn new(start: usize, first: u64, mib: usize, leaf: usize) -> Self {
        Self {
            area: area(start, mib << 20),
            first: first + leaf as u64,
            leaf,
        }
    }

    #[inline]
    pub(crate) fn start(&self) -> usize {
        self.area.start().get()
    }

    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.area.size()
    }

    /// The address behind the last page.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.start() + self.bytes()
    }

    #[inline]
    pub(crate) fn translate(&self, addr: usize) -> Option<u64> {
        let offset = self.area.offset_of(VirtAddr::new(addr))?;
        Some(self.first + offset as u64)
    }

    pub(crate) fn contains(&self, addr: usize) -> bool {
        self.area.contains(VirtAddr::new(addr))
    }

    /// The leaf that maps `addr`, which is in these pages.
    #[inline]
    pub(crate) fn leaf_at(&self, addr: usize) -> Self {
        let start = addr & !(self.leaf - 1);
        Self {
            area: area(start, self.leaf),
            first: self.first + (start - self.start()) as u64,
            leaf: self.leaf,
        }
    }
}

impl Work {
    pub(crate) fn new(mib: usize) -> Self {
        Self {
            mib,
            // Not aligned to 1 GiB: no page table can drop all of it by one pointer.
            small: Pages::new(GIB + GIB / 2, 64 << 30, mib, PAGE),
            large: std::array::from_fn(|index| {
                let start = (4 + 2 * index) * GIB;
                Pages::new(start, (64 << 30) + start as u64, mib, LARGE)
            }),
            queries: OnceCell::new(),
        }
    }

    /// Random addresses in the small pages.
    pub(crate) fn queries(&self) -> &[usize] {
        self.queries.get_or_init(|| {
            let mut random = Random::new(6);
            let small = &self.small;
            let queries = (0..QUERIES).map(|_| small.start() + random.below(small.bytes()));
            queries.collect()
        })
    }
}

#[inline]
fn area(start: usize, bytes: usize) -> MemoryArea {
    MemoryArea::from_start_size(VirtAddr::new(start), bytes).expect("far from the top")
}
