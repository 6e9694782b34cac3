//! CPUs that are threads.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::machine::Architecture;
use kernel_vm::backend::radix::{AccessedDirty, Radix};
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::{FrameAllocator, Permissions, VirtAddr, VirtualMemoryManager};

use super::mmu::{Mmu, machine, wrong};
use crate::subject::{PAGE, area, map};

const RW: Permissions = Permissions::READ.union(Permissions::WRITE);

/// Tells the other threads to stop, when this one panics, too.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// CPUs load and store in pages that stay, and look at pages that come and go, in the same tables, while one CPU edits.
fn cpus_use_a_space_while_another_edits_it<F: Mmu>() {
    const STAY: usize = 0x10_0000;
    const GO: usize = 0x20_0000 - 4 * PAGE;
    let machine = machine::<F>(64, 1, F::cpus());
    let mut space = VirtualMemoryManager::new(Radix::<F, _>::new(machine.clone()).unwrap());
    let frames = [(); 5].map(|()| machine.alloc().unwrap());
    for (cpu, frame) in frames.iter().take(4).enumerate() {
        let page = map(STAY + cpu * PAGE, frame.addr().get(), PAGE, RW);
        space.add_memory_map(page).unwrap();
    }
    space.populate(area(STAY, 4 * PAGE)).unwrap();
    let (root, asid) = (space.root_page_table(), space.asid());
    let (done, last) = (AtomicBool::new(false), frames[4].addr().get());
    thread::scope(|scope| {
        for cpu in 0..4 {
            let (machine, done) = (&machine, &done);
            scope.spawn(move || {
                let (hart, mine) = (machine.cpu(cpu), VirtAddr::new(STAY + cpu * PAGE));
                F::run(hart, root, asid);
                for round in 0.. {
                    hart.store_u64(mine, round).unwrap();
                    assert_eq!(hart.load_u64(mine), Ok(round), "{machine}");
                    let trap = hart.load_u64(VirtAddr::new(GO)).err();
                    assert!(
                        trap.is_none_or(|trap| F::Cpus::is_page_fault(trap.cause)),
                        "{trap:?}"
                    );
                    thread::yield_now();
                    if done.load(Relaxed) {
                        break;
                    }
                }
            });
        }
        let _done = Done(&done);
        for _ in 0..100 {
            space.add_memory_map(map(GO, last, PAGE, RW)).unwrap();
            space
                .add_memory_map(map(GO + 4 * PAGE, last, PAGE, RW))
                .unwrap();
            space.populate(area(GO, 5 * PAGE)).unwrap();
            space.protect(area(GO, PAGE), Permissions::READ).unwrap();
            space.unmap(area(GO, 5 * PAGE)).unwrap();
        }
    });
    (0..4).for_each(|cpu| F::forget(machine.cpu(cpu)));
    assert_eq!(wrong::<F>(&machine, AccessedDirty::Preset), None);
    for frame in frames {
        machine.release(frame, false);
    }
}

#[test]
fn cpus_use_an_sv39_space_while_another_edits_it() {
    cpus_use_a_space_while_another_edits_it::<Sv39Format>();
}

#[test]
fn cpus_use_an_x86_64_space_while_another_edits_it() {
    cpus_use_a_space_while_another_edits_it::<X86_64Format<4>>();
}

#[test]
fn cpus_use_an_aarch64_space_while_another_edits_it() {
    cpus_use_a_space_while_another_edits_it::<Aarch64Format<4>>();
}
