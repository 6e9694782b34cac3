//! Where there is room: the lowest gap, the highest, an aligned one, the largest.
//!
//! `cargo run --example find_gap`

use std::error::Error;

use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
use kernel_vm::{AreaError, FreeSearch, MemoryArea, Permissions, PhysAddr, VirtAddr};
use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};

const MIB: usize = 1 << 20;

fn area(start: usize, size: usize) -> Result<MemoryArea, AreaError> {
    MemoryArea::from_start_size(VirtAddr::new(start), size)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut space = VirtualMemoryManager::new(Sv39::new(HostFrames::new(64))?);
    for (start, size) in [(0, MIB), (MIB + 0x4000, 0x1000), (5 * MIB, MIB)] {
        let pmarea = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), size)?;
        let allowed = Permissions::READ;
        let map = VirtualMemoryMap::new(area(start, size)?, pmarea, allowed, false)?;
        space.add_memory_map(map)?;
    }
    let window = area(0, 17 * MIB)?;
    println!("Holes in the first 17 MiB:");
    space.holes(window).for_each(|hole| println!("  {hole}"));
    let behind = MIB + 0x5000;
    let holes = [
        area(MIB, 0x4000)?,
        area(behind, 5 * MIB - behind)?,
        area(6 * MIB, 11 * MIB)?,
    ];
    assert_eq!(space.holes(window).collect::<Vec<_>>(), holes);
    assert_eq!(space.largest_hole(window), Some(area(6 * MIB, 11 * MIB)?));

    // As low as there is room: 4 pages fit in the first hole, 5 do not.
    let lowest = |pages: usize| space.find_free_area(pages * 0x1000, 1, window);
    assert_eq!(lowest(4), Some(area(MIB, 0x4000)?));
    assert_eq!(lowest(5), Some(area(behind, 0x5000)?));

    // 2 MiB for one large leaf, lowest and highest. Where nothing fits: `None`.
    let search = FreeSearch::new(2 * MIB, window).aligned(2 * MIB, 0);
    let (low, high) = (space.find_free(search), space.find_free(search.highest()));
    println!("2 MiB, aligned: {low:?} or {high:?}");
    assert_eq!(low, Some(area(2 * MIB, 2 * MIB)?));
    assert_eq!(high, Some(area(14 * MIB, 2 * MIB)?));
    assert_eq!(space.find_free_area(12 * MIB, 1, window), None);

    // From a hint on, as `mmap` with an address.
    let near = space.find_free_from(VirtAddr::new(8 * MIB), search);
    assert_eq!(near, Some(area(8 * MIB, 2 * MIB)?));
    Ok(())
}
