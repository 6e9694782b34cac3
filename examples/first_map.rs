//! A first map: record it, write its entries, read the page table back.
//!
//! `cargo run --example first_map`

use std::error::Error;

use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
use kernel_vm::{MemoryArea, Permissions, PhysAddr, VirtAddr};
use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};

fn main() -> Result<(), Box<dyn Error>> {
    // 64 frames of the host play physical memory. A kernel brings its own platform.
    let frames = HostFrames::new(64);
    let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);

    let vmarea = MemoryArea::from_start_size(VirtAddr::new(0x1_0000), 0x4000)?;
    let pmarea = MemoryArea::from_start_size(PhysAddr::new(0x8040_0000), 0x4000)?;
    let allowed = Permissions::READ | Permissions::USER;
    space.add_memory_map(VirtualMemoryMap::new(vmarea, pmarea, allowed, false)?)?;

    // The map is recorded, and the MMU does not know of it yet.
    let addr = VirtAddr::new(0x1_2345);
    assert_eq!(
        space.translate_vaddr(addr),
        Some(PhysAddr::new(0x8040_2345))
    );
    assert_eq!(space.backend().translate(addr), None);
    assert_eq!(frames.frames_in_use(), 1, "the root alone");

    space.populate(vmarea)?;
    println!("The maps, as in /proc/PID/maps:\n{space}");
    println!("The page table that the MMU walks:\n{}", space.backend());
    assert_eq!(
        space.backend().translate(addr),
        Some(PhysAddr::new(0x8040_2345))
    );
    assert_eq!(frames.frames_in_use(), 3, "one table a level");

    // Behind the map, nothing is mapped; on it, nothing else can be.
    assert_eq!(space.backend().translate(VirtAddr::new(0x1_4000)), None);
    let again = VirtualMemoryMap::new(vmarea, pmarea, allowed, false)?;
    let refused = space
        .add_memory_map(again)
        .map_err(|refused| refused.error());
    println!("Once more at the same place: {refused:?}");
    assert!(refused.is_err());
    assert_eq!(space.memory_maps().len(), 1);

    drop(space);
    assert_eq!(frames.frames_in_use(), 0, "every frame is back");
    Ok(())
}
