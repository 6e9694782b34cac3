//! Our tables read in place, leaf by leaf, after the manual. The benches' package has a peer in this one's stead.

use kernel_vm::{FrameAllocator, Permissions, PhysAddr};

use super::shape::{Shape, word};
use super::witness::Witness;

/// A leaf as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub start: usize,
    pub size: usize,
    pub first: PhysAddr,
    pub permissions: Permissions,
}

/// All valid leaves of the page table at `root`, in the order of their addresses.
pub fn read<F: Shape>(platform: &Witness, root: PhysAddr) -> Vec<Found> {
    let mut found = Vec::new();
    read_table(&platform.frames, root, F::DEPTH - 1, 0, &mut found);
    let unused = 64 - (12 + 9 * F::DEPTH);
    for leaf in &mut found {
        leaf.start = ((leaf.start << unused) as isize >> unused) as usize;
    }
    found
}

fn read_table(
    frames: &impl FrameAllocator,
    table: PhysAddr,
    level: usize,
    start: usize,
    found: &mut Vec<Found>,
) {
    let size = 4096 << (9 * level);
    for index in 0..512 {
        let entry = word(frames, PhysAddr::new(table.get() + 8 * index as u64));
        let first = PhysAddr::new((entry >> 10 & ((1 << 44) - 1)) << 12);
        let start = start + index * size;
        match entry & 0xf {
            0 => {}
            1 => read_table(frames, first, level - 1, start, found),
            _ if entry & 1 != 0 => found.push(Found {
                start,
                size,
                first,
                permissions: Permissions::from_bits_truncate((entry >> 1 & 15) as u8),
            }),
            _ => {}
        }
    }
}
