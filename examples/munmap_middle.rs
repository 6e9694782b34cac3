//! `munmap` of the middle of a map: two maps stay, one flush, nothing lost.
//!
//! `cargo run --example munmap_middle`

use std::error::Error;

use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
use kernel_vm::{AreaError, MapError, MemoryArea, Permissions, PhysAddr, VirtAddr};
use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};

fn area(start: usize, size: usize) -> Result<MemoryArea, AreaError> {
    MemoryArea::from_start_size(VirtAddr::new(start), size)
}

fn main() -> Result<(), Box<dyn Error>> {
    let frames = HostFrames::new(64);
    let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    let vmarea = area(0x1_0000, 0x1_0000)?;
    let pmarea = MemoryArea::from_start_size(PhysAddr::new(0x8040_0000), 0x1_0000)?;
    let allowed = Permissions::READ | Permissions::WRITE | Permissions::USER;
    space.add_memory_map(VirtualMemoryMap::new(vmarea, pmarea, allowed, false)?)?;
    space.populate(vmarea)?;
    print!("One map of 16 pages:\n{space}");

    let middle = area(0x1_4000, 0x4000)?;
    space.unmap(middle)?;
    print!("Without its pages 4 to 7:\n{space}");
    println!("{}", space.backend());
    let maps: Vec<_> = space.memory_maps().map(|map| map.vmarea()).collect();
    assert_eq!(maps, [area(0x1_0000, 0x4000)?, area(0x1_8000, 0x8000)?]);
    let seen = |addr| space.backend().translate(VirtAddr::new(addr));
    assert_eq!(seen(0x1_3fff), Some(PhysAddr::new(0x8040_3fff)));
    assert_eq!((seen(0x1_4000), seen(0x1_7fff)), (None, None));
    assert_eq!(seen(0x1_8000), Some(PhysAddr::new(0x8040_8000)));
    assert_eq!(frames.flushes(), 1, "one verb, one flush");

    // Holes are no error, as in POSIX, and need no flush.
    space.unmap(middle)?;
    assert_eq!(frames.flushes(), 1);

    // A part of a page is refused, and nothing has changed.
    let refused = space.unmap(area(0x1_0800, 0x1000)?);
    println!("Half a page: {refused:?}");
    assert!(matches!(refused, Err(MapError::Misaligned { .. })));
    assert_eq!(space.memory_maps().len(), 2);

    // All at once: both maps, the hole between them, and the tables.
    space.unmap(vmarea)?;
    assert_eq!((space.memory_maps().len(), frames.flushes()), (0, 2));
    assert_eq!(frames.frames_in_use(), 1, "the root alone");
    Ok(())
}
