//! The walker of the page tables and the machine read the same words the same way.

use kernel_vm::backend::mock::machine::{Features, Machine, Privilege};
use kernel_vm::backend::riscv::{Mode, Satp};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::{Access, Asid, FRAME_SIZE, Permissions, PhysAddr, VirtAddr, VirtualMemoryManager};
use proptest::collection::vec;
use proptest::prelude::*;

use super::tables::{Tables, machine, table, write};
use crate::model::{Model, PAGES, addr};
use crate::ops::{Op, op};

const ALL: [Access; 3] = [Access::Read, Access::Write, Access::Execute];

/// Where the backend says that an access goes, in the mode for which the page is.
fn expected(entry: Entry, vaddr: VirtAddr, access: Access) -> (Privilege, Option<PhysAddr>) {
    let Entry::Leaf(run) = entry else {
        return (Privilege::Supervisor, None);
    };
    let permissions = run.attributes.permissions;
    let privilege = if permissions.contains(Permissions::USER) {
        Privilege::User
    } else {
        Privilege::Supervisor
    };
    let target = run.translate(vaddr).filter(|_| permissions.allow(access));
    (privilege, target)
}

/// A CPU of `machine` that has nothing cached reads `backend` as the backend does.
fn agree(machine: &Machine, backend: &Sv39<Machine>, vaddr: VirtAddr) {
    for access in ALL {
        let (privilege, target) = expected(backend.entry(vaddr), vaddr, access);
        let cpu = machine.cpu(9);
        cpu.sfence_vma(None, None);
        cpu.set_privilege(privilege);
        assert_eq!(
            cpu.translate(vaddr, access).ok(),
            target,
            "{vaddr} {access:?}"
        );
    }
}

/// What can be mapped by the operations of the random tests.
fn furnish(space: &mut VirtualMemoryManager<Sv39<Machine>>, op: &Op) {
    let model = Model::new();
    match *op {
        Op::Add(span, page) | Op::Replace(span, page) => {
            let _ = space.replace_memory_map(model.map(span, page));
            let _ = space.populate(span.area());
        }
        Op::Unmap(span) => space.unmap(span.area()).unwrap(),
        Op::Protect(span, permissions) => {
            let _ = space.protect(span.area(), permissions);
        }
        Op::Remap(old, new) => {
            let _ = space.remap(old.area(), new.area());
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_walker_and_the_machine_agree_on_random_tables(ops in vec(op(), 1..24), seed: u64) {
        let machine = machine(512, seed, Features::default());
        let backend = Sv39::new(machine.clone()).unwrap();
        let mut space = VirtualMemoryManager::<Sv39<Machine>>::new(backend);
        let satp = Satp::new(Mode::Sv39, Asid::new(0), space.root_page_table());
        machine.cpu(9).write_satp(satp.bits());
        ops.iter().for_each(|op| furnish(&mut space, op));
        for page in 0..PAGES {
            agree(&machine, space.backend(), addr(page));
        }
        for elsewhere in [0, 1 << 30, 1 << 38, usize::MAX] {
            agree(&machine, space.backend(), VirtAddr::new(elsewhere));
        }
    }

    #[test]
    fn random_words_as_tables_never_panic(
        words in vec((any::<u64>(), 0..512_usize, 0..4_usize, any::<bool>()), 0..200),
        addrs in vec(any::<usize>(), 1..20),
        mode in prop_oneof![Just(Mode::Sv39), Just(Mode::Sv48), Just(Mode::Sv57)],
        (seed, svadu, svpbmt) in any::<(u64, bool, bool)>(),
    ) {
        let features = Features { svadu, svpbmt, ..Features::default() };
        let tables = Tables::on(machine(8, seed, features), mode);
        let machine = &tables.machine;
        let frames = [tables.root, table(machine), table(machine), table(machine)];
        for (word, index, frame, leads_here) in words {
            // Some lead to one of these tables, so that walks get somewhere.
            let ppn = frames[(word >> 20) as usize % 4].get() >> 12 << 10;
            let word = if leads_here { ppn | word & 0x3ff } else { word };
            write(machine, PhysAddr::new(frames[frame].get() + 8 * index as u64), word);
        }
        let cpu = tables.cpu(0);
        for (number, vaddr) in addrs.into_iter().enumerate() {
            let vaddr = VirtAddr::new(if number % 2 == 0 { vaddr % (512 * FRAME_SIZE) } else { vaddr });
            for access in ALL {
                let look = cpu.look(vaddr, access);
                let outcomes = cpu.outcomes(vaddr, access);
                prop_assert!(outcomes.contains(&look.seen) || svadu, "{look:?} {outcomes:?}");
            }
            let _ = cpu.load_u64(vaddr);
            let _ = cpu.store_u64(vaddr, u64::MAX);
            cpu.prefetch(vaddr);
            cpu.sfence_vma(Some(vaddr), None);
            let _ = machine.stale();
        }
    }
}
