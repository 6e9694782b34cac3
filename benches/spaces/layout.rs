//! The maps of a space that faults, and the pages at which it does.

use kernel_vm::{MemoryArea, VirtAddr};

use crate::random::Random;

pub(crate) const PAGE: usize = 4096;

/// How many pages a map has. The first block may be there for good, the second is touched.
const MAP: usize = 2 * BLOCK;

/// How many pages a fault in physical memory maps.
pub(crate) const BLOCK: usize = 16;

/// Pages from the start of one map to that of the next.
const STRIDE: usize = 4 * BLOCK;

/// How many maps there are for each table of pages: the first of them keeps it.
const MAPS_A_TABLE: usize = 512 / STRIDE;

/// How many pages are touched before all are taken out again.
const TOUCHED: usize = 1024;

const START: usize = 1 << 30;

/// Maps in a row with gaps between them, and addresses in them that jump.
pub(crate) struct Layout {
    pub(crate) maps: Vec<MemoryArea>,
    /// The pages that keep the tables.
    pub(crate) anchors: Vec<usize>,
    /// Pages, each beside another in the same pair: no page is alone where its neighbour has been looked for.
    pub(crate) pages: Vec<usize>,
    /// A page in each map.
    pub(crate) blocks: Vec<usize>,
}

impl Layout {
    /// `count` maps: 64 at least, and a power of two.
    pub(crate) fn new(count: usize) -> Self {
        let starts = (0..count).map(|map| START + map * STRIDE * PAGE);
        let starts: Vec<usize> = starts.collect();
        let touched = |start: &usize| start + BLOCK * PAGE;
        // As many pairs in each map as there are maps too few to have one each.
        let pairs = (TOUCHED / 2).div_ceil(count);
        let step = (count * pairs).div_ceil(TOUCHED / 2);
        let maps_touched = starts.iter().step_by(step).map(touched);
        let mut pages: Vec<usize> = maps_touched
            .flat_map(|start| (0..2 * pairs).map(move |page| start + page * PAGE))
            .collect();
        let mut blocks: Vec<usize> = starts.iter().map(touched).collect();
        let mut random = Random::new(7);
        shuffle(&mut pages, &mut random);
        shuffle(&mut blocks, &mut random);
        Self {
            anchors: starts.iter().copied().step_by(MAPS_A_TABLE).collect(),
            maps: starts.iter().map(|&start| area(start, MAP)).collect(),
            pages,
            blocks,
        }
    }
}

fn shuffle(pages: &mut [usize], random: &mut Random) {
    for last in (1..pages.len()).rev() {
        pages.swap(last, random.below(last + 1));
    }
}

/// So many pages from `start` on.
#[inline]
pub(crate) fn area(start: usize, pages: usize) -> MemoryArea {
    MemoryArea::from_start_size(VirtAddr::new(start), pages * PAGE).expect("far from the top")
}

/// The block of pages that holds `page`.
#[inline]
pub(crate) fn block(page: usize) -> MemoryArea {
    area(page & !(BLOCK * PAGE - 1), BLOCK)
}
