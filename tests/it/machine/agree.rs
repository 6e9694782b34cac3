//! The walker of the page tables and the machine read the same words the same way.

use kernel_vm::backend::mock::machine::{Extensions, Machine, Privilege};
use kernel_vm::backend::radix::Radix;
use kernel_vm::backend::riscv::{Mode, Satp};
use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::backend::{sv39::Sv39Format, sv48::Sv48Format, sv57::Sv57Format};
use kernel_vm::{Access, Asid, Permissions, PhysAddr, VirtAddr, VirtualMemoryManager};
use proptest::collection::vec;
use proptest::prelude::*;

use super::junk::{Junk, Word};
use super::mmu::Mmu;
use super::tables::machine;
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
fn agree<F: Mmu>(machine: &Machine, backend: &Radix<F, Machine>, vaddr: VirtAddr) {
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
fn furnish<F: Mmu>(space: &mut VirtualMemoryManager<Radix<F, Machine>>, op: &Op) {
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
        Op::Restrict(span, keep) => space.restrict(span.area(), keep).unwrap(),
        Op::Remap(old, new) => {
            let _ = space.remap(old.area(), new.area());
        }
        _ => {}
    }
}

/// Makes a random table, and reads it both ways.
fn read_both_ways<F: Mmu>(ops: &[Op], seed: u64) {
    let machine = machine(512, seed, Extensions::default());
    let backend = Radix::<F, _>::new(machine.clone()).unwrap();
    let mut space = VirtualMemoryManager::new(backend);
    let satp = Satp::new(F::MODE, Asid::new(0), space.root_page_table());
    machine.cpu(9).write_satp(satp.bits());
    ops.iter().for_each(|op| furnish(&mut space, op));
    for page in 0..PAGES {
        agree(&machine, space.backend(), addr(page));
    }
    for elsewhere in [0, 1 << 30, 1 << 38, 1 << 47, 1 << 56, usize::MAX] {
        agree(&machine, space.backend(), VirtAddr::new(elsewhere));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_walker_and_the_machine_agree_on_random_tables_of_sv39(
        ops in vec(op(), 1..24),
        seed: u64,
    ) {
        read_both_ways::<Sv39Format>(&ops, seed);
    }

    #[test]
    fn the_walker_and_the_machine_agree_on_random_tables_of_sv48(
        ops in vec(op(), 1..24),
        seed: u64,
    ) {
        read_both_ways::<Sv48Format>(&ops, seed);
    }

    #[test]
    fn the_walker_and_the_machine_agree_on_random_tables_of_sv57(
        ops in vec(op(), 1..24),
        seed: u64,
    ) {
        read_both_ways::<Sv57Format>(&ops, seed);
    }

    #[test]
    fn random_words_as_tables_never_panic(
        words in vec((any::<u64>(), any::<u16>(), any::<u8>(), any::<bool>()), 0..200),
        addrs in vec(any::<usize>(), 1..20),
        mode in prop_oneof![Just(Mode::Sv39), Just(Mode::Sv48), Just(Mode::Sv57)],
        (seed, svadu, svpbmt) in any::<(u64, bool, bool)>(),
    ) {
        let extensions = Extensions::new().with_svadu(svadu).with_svpbmt(svpbmt);
        let words: Vec<_> = words.into_iter().map(Word::from).collect();
        Junk::new(mode, extensions, seed, &words).look(&addrs);
    }
}
