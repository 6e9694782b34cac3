//! A CPU that goes from a space of one mode to a space of another.

use kernel_vm::backend::mock::machine::{Cpu, Extensions, Machine};
use kernel_vm::backend::radix::Radix;
use kernel_vm::backend::riscv::Satp;
use kernel_vm::backend::{sv39::Sv39, sv48::Sv48, sv48::Sv48Format};
use kernel_vm::{Asid, FrameAllocator, Permissions, Tlb, VirtAddr, VirtualMemoryManager};

use super::tables::machine;
use super::world::platform::{Running, Shared, SpacePlatform};
use crate::subject::{PAGE, area, map};

/// Canonical in Sv48, and not in Sv39.
const HIGH: usize = 0x40_0000_0000;
const RW: Permissions = Permissions::READ.union(Permissions::WRITE);

/// A CPU caches a page of an Sv48 space, goes on to an Sv39 space, and comes back when the page is gone.
fn there_and_back<P: FrameAllocator + Tlb>(
    machine: &Machine,
    wide: Radix<Sv48Format, P>,
    asid: Asid,
) {
    let mut space = VirtualMemoryManager::new(wide);
    let narrow = Sv39::new(machine.clone()).unwrap();
    let frame = machine.alloc().unwrap();
    space.set_asid(asid);
    for (page, at) in [(HIGH, frame.addr().get()), (HIGH + PAGE, 1 << 50)] {
        space.add_memory_map(map(page, at, PAGE, RW)).unwrap();
    }
    space.populate(area(HIGH, 2 * PAGE)).unwrap();
    let cpu: Cpu<'_> = machine.cpu(0);
    let (here, there) = (space.backend().satp(asid), narrow.satp(Asid::new(7)));
    cpu.write_satp(here.bits());
    cpu.store_u64(VirtAddr::new(HIGH), 1).unwrap();
    cpu.prefetch(VirtAddr::new(HIGH));
    cpu.write_satp(there.bits());
    // Its table stays, with the other page: a fence with an address would do.
    space.unmap(area(HIGH, PAGE)).unwrap();
    cpu.write_satp(here.bits());
    assert_eq!(machine.stale(), None);
    let answer = cpu.load_u64(VirtAddr::new(HIGH));
    assert_eq!(answer.unwrap_err().cause.code(), 13);
    cpu.write_satp(Satp::BARE.bits());
    machine.release(frame, false);
}

#[test]
fn a_flush_reaches_what_was_cached_in_a_wider_mode() {
    for seed in 0..16 {
        let machine = machine(16, seed, Extensions::default());
        let wide = Sv48::new(machine.clone()).unwrap();
        there_and_back(&machine, wide, Asid::new(3));
    }
}

#[test]
fn a_kernel_of_two_modes_flushes_without_an_address_where_it_must() {
    for seed in 0..16 {
        let machine = machine(16, seed, Extensions::default());
        let shared = std::rc::Rc::new(Shared::<Sv48Format>::new(machine.clone(), false));
        let asids = kernel_vm::AsidAllocator::<1>::new(16);
        let running = std::rc::Rc::new(Running::default());
        running.mask.set(1);
        let asid = asids.cpu(0).unwrap().switch(&running.slot).asid;
        let platform = SpacePlatform {
            shared,
            running: Some(running),
        };
        there_and_back(&machine, Sv48::new(platform).unwrap(), asid);
    }
}
