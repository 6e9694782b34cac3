//! One deterministic workload for all benches: areas of 1 to 64 pages with random gaps, and addresses inside them.

use kernel_vm::{MemoryArea, Permissions, PhysAddr, VirtAddr, VirtualMemoryMap};

const PAGE: usize = 4096;

/// How many addresses are asked for in turn.
const QUERIES: usize = 1 << 16;

/// Marsaglia's xorshift64*: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16).expect("48 bits")
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() % limit
    }
}

/// Disjoint areas in random order, and addresses that lie in them.
pub(crate) struct Workload {
    pub(crate) areas: Vec<MemoryArea>,
    pub(crate) queries: Vec<VirtAddr>,
}

impl Workload {
    pub(crate) fn new(size: usize) -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut start = PAGE;
        let mut areas = Vec::with_capacity(size);
        for _ in 0..size {
            let bytes = (1 + random.below(64)) * PAGE;
            areas.push(
                MemoryArea::from_start_size(VirtAddr::new(start), bytes).expect("far from the top"),
            );
            start += bytes + (1 + random.below(64)) * PAGE;
        }
        for last in (1..size).rev() {
            areas.swap(last, random.below(last + 1));
        }
        let query = |random: &mut Random| {
            let area = areas[random.below(size)];
            area.at(random.below(area.size()))
                .expect("an offset inside the area")
        };
        let queries = (0..QUERIES).map(|_| query(&mut random)).collect();
        Self { areas, queries }
    }
}

/// A map of `area` onto memory of its own, far from its neighbours', so that none join.
pub(crate) fn map_of(area: MemoryArea) -> VirtualMemoryMap {
    let first = PhysAddr::new((1 << 40) + 2 * area.start().get() as u64);
    let pmarea = MemoryArea::from_start_size(first, area.size()).expect("below 2^56");
    VirtualMemoryMap::new(area, pmarea, Permissions::READ, false).expect("sizes agree")
}
