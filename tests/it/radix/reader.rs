//! Our tables read in place, leaf by leaf, after the manual. The benches' package has a peer in this one's stead.

use kernel_vm::{FrameAllocator, Permissions, PhysAddr};

use super::shape::{Shape, word};
use super::witness::Witness;

/// A leaf as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is, but for the bits that no table translates.
    pub start: usize,
    pub size: usize,
    pub first: PhysAddr,
    pub permissions: Permissions,
}

/// All valid leaves of the page table at `root`, in the order of their addresses.
pub fn read<F: Shape>(platform: &Witness, root: PhysAddr) -> Vec<Found> {
    let mut found = Vec::new();
    read_table::<F>(&platform.frames, root, F::DEPTH - 1, 0, &mut found);
    found
}

fn read_table<F: Shape>(
    frames: &impl FrameAllocator,
    table: PhysAddr,
    level: usize,
    start: usize,
    found: &mut Vec<Found>,
) {
    let size = 4096 << (9 * level);
    for index in 0..512 {
        let entry = word(frames, PhysAddr::new(table.get() + 8 * index as u64));
        let start = start + index * size;
        if let Some(table) = F::pointed(entry, level) {
            read_table::<F>(frames, table, level - 1, start, found);
        } else if entry & 1 != 0 {
            found.push(Found {
                start,
                size,
                first: F::leads(entry),
                permissions: F::allows(entry),
            });
        }
    }
}
