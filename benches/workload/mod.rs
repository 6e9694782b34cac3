//! One deterministic workload for all benches: areas of 1 to 64 pages with random gaps, in random order, and what is
//! asked of them.

mod entry;

use std::cell::OnceCell;

use kernel_vm::{MemoryArea, Permissions, VirtAddr};

use crate::random::Random;

pub(crate) use entry::{AreaValue, Entry, check, check_protect, check_unmap};

pub(crate) const PAGE: usize = 4096;

/// The largest areas, and the largest gaps but one.
const MOST_PAGES: usize = 64;

/// What fits in one gap only.
pub(crate) const WORST_GAP: usize = (MOST_PAGES + 1) * PAGE;

/// How many addresses or areas are asked for in turn: more than a branch predictor learns. A power of two.
const QUERIES: usize = 1 << 16;

/// Disjoint areas, and streams of addresses and areas, each made when it is first asked for.
pub(crate) struct Workload {
    /// In random order. No two join: the memory of each lies apart.
    pub(crate) entries: Vec<Entry>,
    /// Between the areas, in address order.
    gaps: Vec<MemoryArea>,
    /// From the first area's first byte to the last one's last.
    pub(crate) window: MemoryArea,
    uniform: OnceCell<Vec<usize>>,
    local: OnceCell<Vec<usize>>,
    missing: OnceCell<Vec<usize>>,
    wide: OnceCell<Vec<Wide>>,
}

impl Workload {
    pub(crate) fn new(size: usize) -> Self {
        let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
        let mut entries: Vec<Entry> = Vec::with_capacity(size);
        let mut gaps = Vec::with_capacity(size);
        let mut start = PAGE;
        for index in 0..size {
            if index > 0 {
                let last = index + 1 == size;
                let pages = 1 + random.below(MOST_PAGES);
                let bytes = if last { 2 * WORST_GAP } else { pages * PAGE };
                gaps.push(area(start, bytes));
                start += bytes;
            }
            let bytes = (1 + random.below(MOST_PAGES)) * PAGE;
            entries.push(Entry {
                area: area(start, bytes),
                first: (1 << 40) + 2 * start as u64,
                permissions: Permissions::READ.union(Permissions::WRITE),
                is_shared: false,
            });
            start += bytes;
        }
        for last in (1..size).rev() {
            entries.swap(last, random.below(last + 1));
        }
        Self {
            entries,
            gaps,
            window: area(PAGE, start - PAGE),
            uniform: OnceCell::new(),
            local: OnceCell::new(),
            missing: OnceCell::new(),
            wide: OnceCell::new(),
        }
    }

    /// Mapped addresses, all equally likely by area.
    pub(crate) fn uniform(&self) -> &[usize] {
        self.uniform.get_or_init(|| {
            let mut random = Random::new(1);
            let areas = (0..QUERIES).map(|_| random.below(self.entries.len()));
            let areas: Vec<usize> = areas.collect();
            self.within(&areas)
        })
    }

    /// Mapped addresses, 9 in 10 in the area of the one before.
    pub(crate) fn local(&self) -> &[usize] {
        self.local.get_or_init(|| {
            let mut random = Random::new(2);
            let mut area = 0;
            let areas = (0..QUERIES).map(|_| {
                if random.below(10) == 0 {
                    area = random.below(self.entries.len());
                }
                area
            });
            let areas: Vec<usize> = areas.collect();
            self.within(&areas)
        })
    }

    /// An address in each of these areas.
    fn within(&self, areas: &[usize]) -> Vec<usize> {
        let mut random = Random::new(3);
        let areas = areas.iter().map(|&index| self.entries[index].area);
        areas
            .map(|area| area.start().get() + random.below(area.size()))
            .collect()
    }

    /// Addresses between the areas.
    pub(crate) fn missing(&self) -> &[usize] {
        self.missing.get_or_init(|| {
            let mut random = Random::new(4);
            let query = |_| {
                let gap = self.gaps[random.below(self.gaps.len())];
                gap.start().get() + random.below(gap.size())
            };
            (0..QUERIES).map(query).collect()
        })
    }

    /// Areas that have a middle, all equally likely.
    pub(crate) fn wide(&self) -> &[Wide] {
        self.wide.get_or_init(|| {
            let mut random = Random::new(5);
            let wide: Vec<Wide> = self.entries.iter().filter_map(Wide::new).collect();
            (0..QUERIES)
                .map(|_| wide[random.below(wide.len())])
                .collect()
        })
    }

    /// Where the first of the gaps starts, and the last, which alone holds [`WORST_GAP`].
    pub(crate) fn gap_starts(&self) -> [usize; 2] {
        [self.gaps.first(), self.gaps.last()].map(|gap| gap.expect("two areas").start().get())
    }
}

/// An area of 3 pages at least, and one page in its middle.
#[derive(Clone, Copy)]
pub(crate) struct Wide {
    pub(crate) whole: Entry,
    pub(crate) page: Entry,
}

impl Wide {
    fn new(whole: &Entry) -> Option<Self> {
        let pages = whole.area.size() / PAGE;
        let page = whole.within(area(whole.start() + pages / 2 * PAGE, PAGE))?;
        (pages >= 3).then_some(Self {
            whole: *whole,
            page,
        })
    }
}

fn area(start: usize, bytes: usize) -> MemoryArea {
    MemoryArea::from_start_size(VirtAddr::new(start), bytes).expect("far from the top")
}
