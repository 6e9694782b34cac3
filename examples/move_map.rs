//! `mremap`: a part of a map moves, its frames, permissions and payload with it.
//!
//! `cargo run --example move_map`

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
    let vmarea = area(0x1_0000, 0x8000)?;
    let pmarea = MemoryArea::from_start_size(PhysAddr::new(0x8040_0000), 0x8000)?;
    let allowed = Permissions::READ | Permissions::USER;
    space.add_memory_map(VirtualMemoryMap::new(vmarea, pmarea, allowed, false)?)?;
    space.populate(vmarea)?;
    print!("A map of 8 pages:\n{space}");

    let (old, new) = (area(0x1_4000, 0x4000)?, area(0x7000_0000, 0x4000)?);
    space.remap(old, new)?;
    print!("Its upper half has moved:\n{space}");
    println!("{}", space.backend());
    let seen = |addr| space.backend().translate(VirtAddr::new(addr));
    assert_eq!(seen(0x1_3000), Some(PhysAddr::new(0x8040_3000)));
    assert_eq!(seen(0x1_4000), None);
    assert_eq!(seen(0x7000_0000), Some(PhysAddr::new(0x8040_4000)));
    assert_eq!(seen(0x7000_3fff), Some(PhysAddr::new(0x8040_7fff)));
    assert_eq!(frames.flushes(), 1);

    // A move that cannot be is refused, and nothing has changed.
    let grows = space.remap(new, area(0x8000_0000, 0x5000)?);
    let onto_itself = space.remap(new, area(0x7000_1000, 0x4000)?);
    println!("Refused: {grows:?}\nRefused: {onto_itself:?}");
    assert!(matches!(grows, Err(MapError::CannotGrow { .. })));
    assert!(matches!(onto_itself, Err(MapError::MovesOntoItself { .. })));

    // Back to where it came from: the two maps are one again.
    space.remap(new, old)?;
    assert_eq!(space.memory_maps().len(), 1);
    // To a smaller place: the rest is unmapped.
    space.remap(vmarea, area(0x7000_0000, 0x1000)?)?;
    print!("Moved and shrunk to a page:\n{space}");
    let maps: Vec<_> = space.memory_maps().map(|map| map.vmarea()).collect();
    assert_eq!(maps, [area(0x7000_0000, 0x1000)?]);
    assert_eq!(frames.flushes(), 3, "one for each verb that did something");
    Ok(())
}
