//! A flush that is missing, which QEMU would hide: the software MMU catches it.
//!
//! `cargo run --example missing_flush`

use std::error::Error;

use kernel_vm::backend::mock::{HostFrames, machine::Call, machine::Machine};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{Access, AreaError, FrameAllocator, MemoryArea, Permissions, VirtAddr};
use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};

fn page_at(start: usize) -> Result<MemoryArea, AreaError> {
    MemoryArea::from_start_size(VirtAddr::new(start), 0x1000)
}

fn main() -> Result<(), Box<dyn Error>> {
    #[expect(unsafe_code, reason = "its CPUs write memory")]
    // SAFETY: only page tables and CPUs reach frames, and no page leads to a table.
    let machine = unsafe { Machine::new(HostFrames::new(64), 42) };
    let mut space = VirtualMemoryManager::new(Sv39::new(machine.clone())?);
    let cpu = machine.cpu(1);
    cpu.write_satp(space.backend().satp(space.asid()).bits());

    let frame = machine.alloc().ok_or("out of frames")?;
    let pmarea = MemoryArea::from_start_size(frame.addr(), 0x1000)?;
    let (page, other) = (page_at(0x1_0000)?, page_at(0x1_1000)?);
    let rw = Permissions::READ | Permissions::WRITE;
    space.add_memory_map(VirtualMemoryMap::new(other, pmarea, rw, false)?)?;
    space.populate(other)?; // with this page, the table stays
    let map = VirtualMemoryMap::new(page, pmarea, rw, false)?;

    for forgotten in [false, true] {
        space.add_memory_map(map)?;
        space.populate(page)?;
        cpu.store_u64(page.start(), 0xcafe)?;
        cpu.prefetch(page.start()); // as a CPU may at any time: it has cached the entry
        if forgotten {
            machine.skip(Call::Flush, 1); // the next one does nothing
        }
        space.unmap(page)?;
        match machine.stale() {
            None => println!("With the flush: nothing stale is cached."),
            Some(stale) => println!("Without it: {stale}."),
        }
        let harm = machine.stale().map(|stale| (stale.cpu, stale.vaddr));
        assert_eq!(harm, forgotten.then_some((1, page.start())), "{machine}");

        // A store faults, as it should. Or it reaches a frame that is somebody else's.
        let outcomes = cpu.outcomes(page.start(), Access::Write);
        assert!(outcomes.first().is_some_and(Result::is_err));
        assert_eq!(outcomes.contains(&Ok(frame.addr())), forgotten);
    }

    // The fence that was missing.
    cpu.sfence_vma(Some(page.start()), Some(space.asid()));
    assert_eq!(machine.stale(), None);
    cpu.write_satp(0);
    machine.release(frame, true);
    Ok(())
}
