//! What a CPU does when a flush is missing, and how that is found.

use kernel_vm::backend::Paging;
use kernel_vm::backend::mock::machine::{Call, Extensions, Stale};
use kernel_vm::backend::radix::{self, AccessedDirty};
use kernel_vm::backend::riscv::Mode;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Edit, PageTableBackend, Run};
use kernel_vm::{Access, Asid, Flush, FrameAllocator, Permissions, Tlb, VirtAddr};

use super::needed::pages::attributes;
use super::tables::{A, D, R, Tables, U, V, W, X, leaf, load, loads, machine, read, write};
use crate::subject::area;

const PAGE: usize = 0x4000;
const OLD: u64 = 0x8000_0000;
const NEW: u64 = 0x9000_0000;

/// Tables with a page that CPU 0 has cached and that leads elsewhere now.
fn stale(seed: u64) -> Tables {
    let tables = Tables::on(machine(8, seed, Extensions::default()), Mode::Sv39);
    let entry = tables.write(PAGE, 0, leaf(OLD, V | R | A));
    tables.cpu(0).prefetch(VirtAddr::new(PAGE));
    assert_eq!(tables.machine.stale(), None);
    write(&tables.machine, entry, leaf(NEW, V | R | A));
    tables
}

#[test]
fn both_translations_are_used_until_the_fence_and_one_after_it() {
    let (mut old, mut new) = (0, 0);
    for seed in 0..64 {
        let tables = stale(seed);
        let cpu = tables.machine.cpu(0);
        let look = cpu.look(VirtAddr::new(PAGE), Access::Read);
        assert_eq!(look.fresh.map(|at| at.get()), Ok(NEW), "{}", tables.machine);
        old += usize::from(look.is_stale());
        new += usize::from(!look.is_stale());
        cpu.sfence_vma(Some(VirtAddr::new(PAGE)), None);
        for _ in 0..16 {
            assert_eq!(load(cpu, PAGE), Ok(NEW), "{}", tables.machine);
        }
        assert_eq!(tables.machine.stale(), None);
    }
    assert!(old > 32 && new > 4, "stale {old} times, fresh {new} times");
}

/// Each call is a moment, in which a CPU may walk, and often does so to where the kernel was last.
#[test]
fn cpus_walk_while_the_kernel_calls_its_frame_allocator() {
    let tables = Tables::sv39();
    let entry = tables.write(PAGE, 0, leaf(OLD, V | R | A));
    tables.cpu(0);
    let pages = [area(PAGE, 0x1000)];
    tables
        .machine
        .made_valid(&Flush::leaves(tables.root, &pages));
    for _ in 0..64 {
        let frame = tables.machine.alloc().unwrap();
        tables.machine.release(frame, false);
    }
    write(&tables.machine, entry, 0);
    assert!(tables.machine.stale().is_some(), "{}", tables.machine);
}

#[test]
fn staleness_is_known_without_luck() {
    let tables = stale(1);
    let found = tables.machine.stale().unwrap();
    assert_eq!(
        (found.cpu, found.vaddr.get(), found.is_spurious),
        (0, PAGE, false)
    );
    assert_eq!(found.to_string(), "stale translation for 0x4000 on CPU 0");
    assert_eq!(loads(tables.machine.cpu(0), PAGE)[0], Ok(NEW));
}

#[test]
fn what_was_not_valid_is_spurious() {
    let tables = Tables::sv39();
    tables.write(PAGE + 0x1000, 0, leaf(OLD, V | R | A));
    tables.cpu(0).prefetch(VirtAddr::new(PAGE));
    tables.write(PAGE, 0, leaf(OLD, V | R | A));
    assert!(tables.machine.stale().unwrap().is_spurious);
    let pages = [area(PAGE, 0x1000)];
    tables
        .machine
        .made_valid(&Flush::leaves(tables.root, &pages));
    assert_eq!(tables.machine.stale(), None);
}

/// What is stale where CPU 0 has cached a leaf with some bits, and others stand there now.
fn changed(cached: u64, now: u64) -> Option<Stale> {
    let tables = Tables::sv39();
    let entry = tables.write(PAGE, 0, leaf(OLD, V | cached));
    tables.cpu(0).prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, leaf(OLD, V | now));
    tables.machine.stale()
}

#[test]
fn a_leaf_that_allows_less_than_there_is_now_is_spurious() {
    let more = [
        (R, R | A),
        (R | W | A, R | W | A | D),
        (R | A, R | W | A),
        (R | A, R | X | A),
        (X | A, R | X | A),
        (R | U, R | W | U | A | D),
    ];
    for (less, more) in more {
        let is_spurious = |cached, now| changed(cached, now).map(|stale| stale.is_spurious);
        assert_eq!(is_spurious(less, more), Some(true), "{less:#x} {more:#x}");
        assert_eq!(is_spurious(more, less), Some(false), "{more:#x} {less:#x}");
    }
}

/// So who cleans a page need not flush once more, when it can be written no longer.
#[test]
fn the_dirty_bit_of_what_cannot_be_written_says_nothing() {
    assert_eq!(changed(R | A | D, R | A), None);
    assert_eq!(changed(R | A, R | A | D), None);
    let found = changed(R | A | D, R | W | A).unwrap();
    assert!(found.is_spurious, "a store only faults");
    let found = changed(R | W | A | D, R | A).unwrap();
    assert!(!found.is_spurious);
}

#[test]
fn a_dirty_bit_of_which_made_valid_did_not_tell_is_spurious() {
    let machine = machine(64, 1, Extensions::default());
    let features = radix::Features::new().with_accessed_dirty(AccessedDirty::Software);
    let table = Sv39::with_features(machine.clone(), features).unwrap();
    let cpu = machine.cpu(0);
    cpu.write_satp(table.satp(Asid::new(1)).bits());
    let (page, frame) = (VirtAddr::new(PAGE), machine.alloc().unwrap());
    let run = Run {
        area: area(PAGE, 0x1000),
        first: frame.addr(),
        attributes: attributes(Permissions::READ | Permissions::WRITE),
    };
    let mut reserved = table.reserve([Edit::Map(run)].into_iter()).unwrap();
    let installed = table.install(page, frame, run.attributes, &mut reserved);
    installed.unwrap();
    table.unreserve(reserved);
    cpu.prefetch(page);
    machine.skip(Call::MadeValid, 1);
    table.touch(page, Access::Write).unwrap();
    assert!(machine.stale().unwrap().is_spurious);
    assert_eq!(cpu.outcomes(page, Access::Write)[0], Ok(run.first));
    cpu.write_satp(0);
}

#[test]
fn a_leaf_that_allows_something_else_or_leads_elsewhere_is_more_than_spurious() {
    for (cached, now) in [(R | W | A, R | X | A), (R | A, R | W | U | A)] {
        let found = changed(cached, now).unwrap();
        assert!(!found.is_spurious, "{cached:#x} {now:#x}");
    }
    let tables = Tables::sv39();
    let entry = tables.write(PAGE, 0, leaf(OLD, V | R | A));
    tables.cpu(0).prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, leaf(NEW, V | R | W | A | D));
    assert!(!tables.machine.stale().unwrap().is_spurious);
}

#[test]
fn what_can_only_fault_does_not_hide_what_is_worse() {
    let tables = Tables::sv39();
    let worse = [PAGE + 0x1000, 1 << 30];
    for page in [PAGE, worse[0], worse[1]] {
        tables.write(page, 0, leaf(OLD, V | R | A));
    }
    let cpu = tables.cpu(0);
    [PAGE, worse[0], worse[1]]
        .into_iter()
        .for_each(|page| cpu.prefetch(VirtAddr::new(page)));
    tables.write(PAGE, 0, leaf(OLD, V | R | W | A));
    assert!(tables.machine.stale().unwrap().is_spurious);
    for page in worse {
        tables.write(page, 0, leaf(NEW, V | R | A));
        let found = tables.machine.stale().unwrap();
        assert_eq!((found.vaddr.get(), found.is_spurious), (page, false));
        tables.write(page, 0, leaf(OLD, V | R | A));
    }
}

#[test]
fn a_superpage_and_the_pages_it_is_split_into_agree_until_one_differs() {
    let tables = Tables::sv39();
    let split = Tables::on(tables.machine.clone(), Mode::Sv39);
    for page in 0..512_usize {
        split.write(page << 12, 0, leaf(OLD + ((page as u64) << 12), V | R | A));
    }
    let pages = read(&tables.machine, split.entry(0, 1));
    tables.write(0, 1, leaf(OLD, V | R | A));
    tables.cpu(0).prefetch(VirtAddr::new(PAGE));
    tables.write(0, 1, pages);
    assert_eq!(tables.machine.stale(), None);
    tables.write(0x7000, 0, 0);
    let found = tables.machine.stale().unwrap();
    assert_eq!((found.vaddr.get(), found.is_spurious), (0x7000, false));
}

#[test]
fn cpus_speculate_by_themselves() {
    let mut found = 0;
    for seed in 0..64 {
        let tables = Tables::on(machine(8, seed, Extensions::default()), Mode::Sv39);
        let entry = tables.write(PAGE, 0, leaf(OLD, V | R | A));
        let cpu = tables.cpu(0);
        for _ in 0..32 {
            let _ = load(tables.machine.cpu(1), 0);
        }
        write(&tables.machine, entry, 0);
        found += usize::from(loads(cpu, PAGE).contains(&Ok(OLD)));
        assert!(cpu.cached() > 0);
    }
    assert!(
        found > 32,
        "{found} of 64 had cached a page that nobody had accessed"
    );
}

#[test]
fn entries_are_forgotten_by_chance() {
    let tables = stale(1);
    let forgotten = (0..1_000).any(|_| {
        for _ in 0..100 {
            let _ = load(tables.machine.cpu(1), 0);
        }
        tables.machine.stale().is_none()
    });
    assert!(forgotten);
}

#[test]
fn the_same_seed_does_the_same() {
    let run = |seed| {
        let tables = stale(seed);
        let cpu = tables.machine.cpu(0);
        let answers: Vec<_> = (0..64).map(|_| load(cpu, PAGE)).collect();
        (answers, cpu.cached())
    };
    assert_eq!(run(7), run(7));
    assert!((8..40).any(|seed| run(seed) != run(7)));
    assert_eq!(
        machine(0, 0x2a, Extensions::default()).to_string(),
        "machine with seed 0x2a"
    );
}

#[test]
fn marks_are_set_in_memory_and_never_on_a_stale_entry() {
    let extensions = Extensions::new().with_svadu(true);
    for seed in 0..64 {
        let tables = Tables::on(machine(8, seed, extensions), Mode::Sv39);
        let entry = tables.write(PAGE, 0, leaf(OLD, V | R | W | A));
        let cpu = tables.cpu(0);
        cpu.prefetch(VirtAddr::new(PAGE));
        write(&tables.machine, entry, leaf(NEW, V | R | W | A));
        let stored = cpu.translate(VirtAddr::new(PAGE), Access::Write);
        assert_eq!(stored.map(|at| at.get()), Ok(NEW), "the entry is compared");
        assert_eq!(read(&tables.machine, entry), leaf(NEW, V | R | W | A | D));
        write(&tables.machine, entry, leaf(NEW, V | R | W));
        assert!(
            tables.machine.stale().is_some(),
            "D is cached, and was cleared"
        );
    }
}

#[test]
fn calls_are_counted_and_one_can_be_skipped() {
    let tables = stale(1);
    let (machine, cpu) = (&tables.machine, tables.machine.cpu(0));
    machine.skip(Call::Fence, 2);
    cpu.sfence_vma(Some(VirtAddr::new(0)), None);
    cpu.sfence_vma(None, None);
    assert!(machine.stale().is_some());
    machine.skip(Call::Flush, 1);
    machine.flush(&Flush::everything(tables.root));
    assert!(machine.stale().is_some());
    assert_eq!(
        (machine.calls(Call::Fence), machine.calls(Call::Flush)),
        (2, 1)
    );
    machine.flush(&Flush::everything(tables.root));
    assert_eq!(machine.stale(), None);
    assert_eq!(
        (machine.calls(Call::Fence), machine.calls(Call::Flush)),
        (3, 2)
    );
    assert_eq!(machine.calls(Call::MadeValid), 0);
}

#[test]
fn a_flush_reaches_the_cpus_that_have_run_on_the_root() {
    let tables = stale(1);
    let other = Tables::on(tables.machine.clone(), Mode::Sv39);
    let cpu = tables.machine.cpu(0);
    cpu.write_satp(other.satp(2));
    other.machine.flush(&Flush::everything(tables.root));
    cpu.write_satp(tables.satp(1));
    assert_eq!(loads(cpu, PAGE), [Ok(NEW)], "it had left, with entries");
    assert_eq!(
        tables.machine.calls(Call::Fence),
        1,
        "and no other CPU had been there"
    );
}

#[test]
fn a_frame_that_is_given_back_before_its_flush_is_found_after_it_too() {
    for level in [0, 1] {
        let tables = Tables::sv39();
        let frame = tables.machine.alloc().unwrap();
        let bits = if level == 0 { V | R | A } else { V };
        let entry = tables.write(PAGE, level, leaf(frame.addr().get(), bits));
        let cpu = tables.cpu(0);
        cpu.prefetch(VirtAddr::new(PAGE));
        write(&tables.machine, entry, 0);
        tables.machine.release(frame, false);
        cpu.sfence_vma(None, None);
        assert!(tables.machine.stale().is_some(), "level {level}");
    }
}
