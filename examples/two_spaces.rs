//! Two spaces on one CPU: an ASID each, so that a switch need not flush.
//!
//! `cargo run --example two_spaces`

use std::error::Error;

use kernel_vm::backend::mock::{HostFrames, machine::Machine};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{AsidAllocator, AsidSlot, FrameAllocator, MemoryArea, Permissions};
use kernel_vm::{VirtAddr, VirtualMemoryManager, VirtualMemoryMap};

/// For one CPU with 16 bits of ASID.
static ASIDS: AsidAllocator<1> = AsidAllocator::new(16);

fn main() -> Result<(), Box<dyn Error>> {
    #[expect(unsafe_code, reason = "its CPUs write memory")]
    // SAFETY: only page tables and the CPU reach frames, and no page leads to a table.
    let machine = unsafe { Machine::new(HostFrames::new(64), 42) };
    let (cpu, asids) = (machine.cpu(0), ASIDS.cpu(0).ok_or("no such CPU")?);
    let page = MemoryArea::from_start_size(VirtAddr::new(0x1_0000), 0x1000)?;
    let (allowed, mut pages) = (Permissions::READ | Permissions::WRITE, Vec::new());
    let mut make = || -> Result<_, Box<dyn Error>> {
        let mut space = VirtualMemoryManager::new(Sv39::new(machine.clone())?);
        let frame = machine.alloc().ok_or("out of frames")?;
        let pmarea = MemoryArea::from_start_size(frame.addr(), 0x1000)?;
        space.add_memory_map(VirtualMemoryMap::new(page, pmarea, allowed, false)?)?;
        space.populate(page)?;
        pages.push(frame);
        Ok((space, AsidSlot::new()))
    };
    let (mut first, mut second) = (make()?, make()?);

    for turn in 0..6 {
        let mine = turn % 2;
        let (space, slot) = if mine == 0 { &mut first } else { &mut second };
        // A context switch: which ASID, and whether this CPU must forget everything.
        let to = asids.switch(slot);
        space.set_asid(to.asid);
        cpu.write_satp(space.backend().satp(to.asid).bits());
        if to.flush {
            cpu.sfence_vma(None, None);
        }
        if turn < 2 {
            cpu.store_u64(page.start(), mine as u64)?;
        }
        let seen = cpu.load_u64(page.start())?;
        println!("turn {turn}: {to:?}, reads {seen}");
        assert_eq!((seen, to.flush), (mine as u64, turn == 0));
        assert_eq!(machine.stale(), None);
    }
    assert_ne!(first.1.asid(), second.1.asid());
    cpu.write_satp(0);
    let give_back = |frame| machine.release(frame, true);
    pages.into_iter().for_each(give_back);
    Ok(())
}
