//! The walker of the page tables and the machine read the same words the same way.

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::machine::{AArch64, Extensions, Machine, Privilege, RiscV, X86_64};
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::backend::{Entry, PageTableBackend, Paging};
use kernel_vm::backend::{sv39::Sv39Format, sv48::Sv48Format, sv57::Sv57Format};
use kernel_vm::{Access, Asid, Permissions, PhysAddr, VirtAddr, VirtualMemoryManager};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::junk::{Junk, Word};
use super::mmu::{Mmu, POLICIES, machine, sayable, stale};
use crate::model::{Model, PAGES, Page, addr};
use crate::ops::{Op, op};
use crate::subject::{PAGE, area, map};

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

/// A CPU of `machine` that has nothing cached reads `backend` as the backend does; when the kernel has set accessed and
/// dirty bits, if it must.
fn agree<F: Mmu>(
    machine: &Machine<F::Cpus>,
    backend: &Radix<F, Machine<F::Cpus>>,
    vaddr: VirtAddr,
    policy: AccessedDirty,
) {
    for access in ALL {
        if policy == AccessedDirty::Software {
            let _ = backend.touch(vaddr, access);
        }
        let (privilege, target) = expected(backend.entry(vaddr), vaddr, access);
        let cpu = machine.cpu(9);
        F::forget(cpu);
        cpu.set_privilege(privilege);
        assert_eq!(
            cpu.translate(vaddr, access).ok(),
            target,
            "{vaddr} {access:?}"
        );
    }
}

/// What can be mapped by the operations of the random tests.
fn furnish<F: Mmu>(space: &mut VirtualMemoryManager<Radix<F, Machine<F::Cpus>>>, op: &Op) {
    let model = Model::new();
    match *op {
        Op::Add(span, page) | Op::Replace(span, page) => {
            let permissions = sayable::<F>(page.permissions);
            let page = Page {
                permissions,
                ..page
            };
            let _ = space.replace_memory_map(model.map(span, page));
            let _ = space.populate(span.area());
        }
        Op::Unmap(span) => space.unmap(span.area()).unwrap(),
        Op::Protect(span, permissions) => {
            let _ = space.protect(span.area(), sayable::<F>(permissions));
        }
        Op::Restrict(span, keep) => space.restrict(span.area(), sayable::<F>(keep)).unwrap(),
        Op::Remap(old, new) => {
            let _ = space.remap(old.area(), new.area());
        }
        _ => {}
    }
}

/// Makes a random table, and reads it both ways.
fn read_both_ways<F: Mmu>(ops: &[Op], seed: u64) {
    read_both_ways_with::<F>(ops, seed, AccessedDirty::Preset);
}

fn read_both_ways_with<F: Mmu>(ops: &[Op], seed: u64, policy: AccessedDirty) {
    let machine = machine::<F>(512, seed, F::cpus_with(policy));
    let features = Features::new().with_gib_leaves(true);
    let features = features.with_accessed_dirty(policy);
    let backend = Radix::<F, _>::with_features(machine.clone(), features).unwrap();
    let mut space = VirtualMemoryManager::new(backend);
    F::run(machine.cpu(9), space.root_page_table(), Asid::new(0));
    ops.iter().for_each(|op| furnish(&mut space, op));
    for page in 0..PAGES {
        agree(&machine, space.backend(), addr(page), policy);
    }
    for elsewhere in [0, 1 << 30, 1 << 38, 1 << 47, 1 << 56, usize::MAX] {
        agree(&machine, space.backend(), VirtAddr::new(elsewhere), policy);
    }
}

/// A leaf of 1 GiB, and then one page out of it.
fn agree_on_a_gib<F: Mmu>() {
    const GIB: usize = 1 << 30;
    let machine = machine::<F>(16, 1, F::cpus());
    let features = Features::new().with_gib_leaves(true);
    let backend = Radix::<F, _>::with_features(machine.clone(), features).unwrap();
    let mut space = VirtualMemoryManager::new(backend);
    F::run(machine.cpu(9), space.root_page_table(), Asid::new(0));
    let rights = Permissions::READ | Permissions::WRITE;
    space
        .add_memory_map(map(4 * GIB, 8 << 30, GIB, rights))
        .unwrap();
    space.populate(area(4 * GIB, GIB)).unwrap();
    assert_eq!(
        machine.frames().frames_in_use(),
        F::LEVELS - 2,
        "no table below the leaf"
    );
    let look = |backend: &Radix<F, _>| {
        for at in [
            4 * GIB - 1,
            4 * GIB,
            4 * GIB + 0x123_4567,
            5 * GIB - 1,
            5 * GIB,
        ] {
            agree(&machine, backend, VirtAddr::new(at), AccessedDirty::Preset);
        }
    };
    look(space.backend());
    space.unmap(area(4 * GIB + 0x123_4000, PAGE)).unwrap();
    look(space.backend());
    assert_eq!(stale::<F>(&machine), None);
    F::stop(machine.cpu(9));
}

#[test]
fn the_walker_and_the_machine_agree_on_a_leaf_of_a_gib() {
    agree_on_a_gib::<Sv39Format>();
    agree_on_a_gib::<Sv48Format>();
    agree_on_a_gib::<Sv57Format>();
    agree_on_a_gib::<X86_64Format<4>>();
    agree_on_a_gib::<X86_64Format<5>>();
    agree_on_a_gib::<Aarch64Format<4>>();
    agree_on_a_gib::<Aarch64Format<3>>();
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
    fn the_walker_and_the_machine_agree_on_random_tables_of_x86_64(
        ops in vec(op(), 1..24),
        seed: u64,
    ) {
        read_both_ways::<X86_64Format<4>>(&ops, seed);
    }

    #[test]
    fn the_walker_and_the_machine_agree_on_random_tables_of_x86_64_with_five_levels(
        ops in vec(op(), 1..24),
        seed: u64,
    ) {
        read_both_ways::<X86_64Format<5>>(&ops, seed);
    }

    #[test]
    fn the_walker_and_the_machine_agree_on_random_tables_of_aarch64(
        ops in vec(op(), 1..24),
        seed: u64,
        policy in select(&POLICIES),
    ) {
        read_both_ways_with::<Aarch64Format<4>>(&ops, seed, policy);
    }

    #[test]
    fn the_walker_and_the_machine_agree_on_random_tables_of_aarch64_with_39_bits(
        ops in vec(op(), 1..24),
        seed: u64,
        policy in select(&POLICIES),
    ) {
        read_both_ways_with::<Aarch64Format<3>>(&ops, seed, policy);
    }

    #[test]
    fn random_words_as_riscv_tables_never_panic(
        words in vec((any::<u64>(), any::<u16>(), any::<u8>(), any::<bool>()), 0..200),
        addrs in vec(any::<usize>(), 1..20),
        levels in 3..6,
        (seed, svadu, svpbmt) in any::<(u64, bool, bool)>(),
    ) {
        let cpus = RiscV::new(Extensions::new().with_svadu(svadu).with_svpbmt(svpbmt));
        let words: Vec<_> = words.into_iter().map(Word::from).collect();
        match levels {
            3 => Junk::<Sv39Format>::new(cpus, seed, &words).look(&addrs, !svadu),
            4 => Junk::<Sv48Format>::new(cpus, seed, &words).look(&addrs, !svadu),
            _ => Junk::<Sv57Format>::new(cpus, seed, &words).look(&addrs, !svadu),
        }
    }

    #[test]
    fn random_words_as_x86_64_tables_never_panic(
        words in vec((any::<u64>(), any::<u16>(), any::<u8>(), any::<bool>()), 0..200),
        addrs in vec(any::<usize>(), 1..20),
        (seed, five, nxe, gigabytes) in any::<(u64, bool, bool, bool)>(),
        physical_bits in 0..70_u32,
    ) {
        let cpus = |cpus: X86_64| {
            let cpus = cpus.with_nxe(nxe).with_gigabytes(gigabytes);
            cpus.with_physical_bits(if physical_bits < 60 { 52 } else { physical_bits - 18 })
        };
        let words: Vec<_> = words.into_iter().map(Word::from).collect();
        if five {
            let cpus = cpus(X86_64Format::<5>::cpus());
            Junk::<X86_64Format<5>>::new(cpus, seed, &words).look(&addrs, false);
        } else {
            let cpus = cpus(X86_64Format::<4>::cpus());
            Junk::<X86_64Format<4>>::new(cpus, seed, &words).look(&addrs, false);
        }
    }
    #[test]
    fn random_words_as_aarch64_tables_never_panic(
        words in vec((any::<u64>(), any::<u16>(), any::<u8>(), any::<bool>()), 0..200),
        addrs in vec(any::<usize>(), 1..20),
        (seed, narrow, wxn, epan) in any::<(u64, bool, bool, bool)>(),
        (physical_bits, asid_bits) in (0..70_u32, 0..20_u32),
        policy in select(&POLICIES),
    ) {
        let cpus = |cpus: AArch64| {
            let cpus = cpus.with_wxn(wxn).with_epan(epan).with_asid_bits(asid_bits);
            cpus.with_physical_bits(if physical_bits < 50 { 48 } else { physical_bits - 20 })
        };
        let is_quiet = policy != AccessedDirty::Hardware;
        let words: Vec<_> = words.into_iter().map(Word::from).collect();
        if narrow {
            let cpus = cpus(Aarch64Format::<3>::cpus_with(policy));
            Junk::<Aarch64Format<3>>::new(cpus, seed, &words).look(&addrs, is_quiet);
        } else {
            let cpus = cpus(Aarch64Format::<4>::cpus_with(policy));
            Junk::<Aarch64Format<4>>::new(cpus, seed, &words).look(&addrs, is_quiet);
        }
    }
}
