//! An Sv39 page table without a space: for a kernel that keeps its own maps.
//!
//! `cargo run --example page_table_alone`

use std::error::Error;

use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
use kernel_vm::{AreaError, Asid, MapError, MemoryArea, Permissions, PhysAddr, VirtAddr};

const ASID: Asid = Asid::new(1);

fn area(start: usize, size: usize) -> Result<MemoryArea, AreaError> {
    MemoryArea::from_start_size(VirtAddr::new(start), size)
}

fn main() -> Result<(), Box<dyn Error>> {
    let frames = HostFrames::new(64);
    let mut table = Sv39::new(frames.clone())?;
    // From the last page before 2 MiB to the first behind 4 MiB.
    let run = Run {
        area: area(0x1f_f000, 0x20_2000)?,
        first: PhysAddr::new(0x801f_f000),
        attributes: (Permissions::READ | Permissions::WRITE).into(),
    };
    table.edit(Edit::Map(run), ASID)?;
    println!("{table}");
    let sizes = table.populated(run.area).map(|leaf| leaf.area.size());
    assert_eq!(sizes.collect::<Vec<_>>(), [0x1000, 0x20_0000, 0x1000]);
    assert_eq!(frames.flushes(), 0, "nothing was there before");

    // One page of the large leaf becomes read-only, another goes.
    let [page, other] = [0x20_0000, 0x30_0000].map(VirtAddr::new);
    let protect = Edit::Protect(area(0x20_0000, 0x1000)?, Permissions::READ);
    table.edit(protect, ASID)?;
    table.edit(Edit::Unmap(area(0x30_0000, 0x1000)?), ASID)?;
    println!("{table}");
    assert_eq!(table.translate(page), Some(PhysAddr::new(0x8020_0000)));
    let Entry::Leaf(leaf) = table.entry(page) else {
        return Err("the page is gone".into());
    };
    assert_eq!(leaf.attributes.permissions, Permissions::READ);
    assert_eq!(table.entry(other), Entry::Empty);
    assert_eq!(frames.flushes(), 2, "one for each edit of what was valid");

    // Without a frame for a table, an edit changes nothing.
    frames.fail_alloc(1);
    let far = area(1 << 30, 0x1000)?;
    let refused = table.edit(Edit::Map(Run { area: far, ..run }), ASID);
    println!("Out of frames: {refused:?}");
    assert_eq!(refused, Err(MapError::OutOfFrames { needed: 2 }));

    println!("A CPU uses it by satp = {:#x}", table.satp(ASID).bits());
    table.edit(Edit::Unmap(run.area), ASID)?;
    assert_eq!(frames.frames_in_use(), 1, "the root alone");
    Ok(())
}
