//! `mprotect` of one page: the map becomes three, its leaf of 2 MiB becomes 512.
//!
//! `cargo run --example protect_split`

use std::error::Error;

use kernel_vm::backend::{Entry, PageTableBackend, mock::HostFrames, sv39::Sv39};
use kernel_vm::{MemoryArea, Permissions, PhysAddr, VirtAddr};
use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};

const RW: Permissions = Permissions::READ.union(Permissions::WRITE);

/// What the MMU finds at an address: the size of the leaf, and what it allows.
fn leaf(table: &impl PageTableBackend, addr: usize) -> Option<(usize, Permissions)> {
    match table.entry(VirtAddr::new(addr)) {
        Entry::Leaf(run) => Some((run.area.size(), run.attributes.permissions)),
        _ => None,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let frames = HostFrames::new(64);
    let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    let vmarea = MemoryArea::from_start_size(VirtAddr::new(0x20_0000), 0x20_0000)?;
    let pmarea = MemoryArea::from_start_size(PhysAddr::new(0x8040_0000), 0x20_0000)?;
    space.add_memory_map(VirtualMemoryMap::new(vmarea, pmarea, RW, false)?)?;
    space.populate(vmarea)?;
    println!("Aligned alike, 2 MiB take one leaf:\n{}", space.backend());
    assert_eq!(leaf(space.backend(), 0x20_5000), Some((0x20_0000, RW)));

    let page = MemoryArea::from_start_size(VirtAddr::new(0x20_5000), 0x1000)?;
    space.protect(page, Permissions::READ)?;
    println!("With a page that is read-only:\n{}", space.backend());
    print!("Its maps:\n{space}");
    let read = Some((0x1000, Permissions::READ));
    assert_eq!(leaf(space.backend(), 0x20_4000), Some((0x1000, RW)));
    assert_eq!(leaf(space.backend(), 0x20_5000), read);
    assert_eq!(leaf(space.backend(), 0x20_6000), Some((0x1000, RW)));
    assert_eq!((space.memory_maps().len(), frames.flushes()), (3, 1));

    // Without permissions, a page keeps its place and its frame, and is hidden.
    space.protect(page, Permissions::empty())?;
    println!("With a page that nobody may use:\n{}", space.backend());
    assert_eq!(leaf(space.backend(), 0x20_5000), None);

    // Allowed again, the three maps are one, and the page leads where it did.
    space.protect(page, RW)?;
    print!("As before:\n{space}");
    assert_eq!((space.memory_maps().len(), frames.flushes()), (1, 2));
    let target = Some(PhysAddr::new(0x8040_5000));
    assert_eq!(space.backend().translate(VirtAddr::new(0x20_5000)), target);
    Ok(())
}
