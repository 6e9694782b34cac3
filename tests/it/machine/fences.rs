//! Which fence makes a CPU forget what.

use kernel_vm::backend::mock::machine::Extensions;
use kernel_vm::backend::riscv::Mode;
use kernel_vm::{Access, Asid, Frame, FrameAllocator, VirtAddr};

use super::tables::{A, G, R, Tables, V, leaf, load, loads, pointer, read, set, table, write};

const GIB: usize = 1 << 30;
const PAGE: usize = 0x4000;
const OLD: u64 = 0x8000_0000;
const NEW: u64 = 0x9000_0000;
const BITS: u64 = V | R | A;

type Fence = (Option<VirtAddr>, Option<Asid>);

const ALL: Fence = (None, None);

fn page(vaddr: usize) -> Option<VirtAddr> {
    Some(VirtAddr::new(vaddr))
}

fn asid(asid: u16) -> Option<Asid> {
    Some(Asid::new(asid))
}

/// What may be read at `PAGE` when its entry at `level` was `old`, was cached, and has become `new`, after `fence`.
fn after(level: usize, old: u64, new: u64, (vaddr, asid): Fence) -> Vec<Result<u64, u8>> {
    let tables = Tables::sv39();
    let entry = tables.write(PAGE, level, old);
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, new);
    cpu.sfence_vma(vaddr, asid);
    set(loads(cpu, PAGE))
}

fn leaves_after(old_bits: u64, fence: Fence) -> Vec<Result<u64, u8>> {
    after(0, leaf(OLD, BITS | old_bits), leaf(NEW, BITS), fence)
}

const STALE: [Result<u64, u8>; 2] = [Ok(OLD), Ok(NEW)];
const FRESH: [Result<u64, u8>; 1] = [Ok(NEW)];

#[test]
fn every_form_forgets_the_leaf_it_names() {
    for fence in [
        ALL,
        (None, asid(1)),
        (page(PAGE), None),
        (page(PAGE + 0xfff), asid(1)),
    ] {
        assert_eq!(leaves_after(0, fence), FRESH, "{fence:?}");
    }
}

#[test]
fn what_a_fence_does_not_name_stays() {
    let others = [
        (None, asid(2)),
        (page(PAGE), asid(2)),
        (page(PAGE + 0x1000), None),
        (page(PAGE - 1), asid(1)),
        (page(1 << 39), None),
    ];
    for fence in others {
        assert_eq!(leaves_after(0, fence), STALE, "{fence:?}");
    }
}

#[test]
fn global_entries_stay_over_a_fence_with_an_asid() {
    for fence in [(None, asid(1)), (page(PAGE), asid(1))] {
        assert_eq!(leaves_after(G, fence), STALE, "{fence:?}");
    }
    for fence in [ALL, (page(PAGE), None)] {
        assert_eq!(leaves_after(G, fence), FRESH, "{fence:?}");
    }
}

#[test]
fn a_superpage_goes_with_any_address_in_it() {
    for (level, last) in [(1, 0x1f_ffff), (2, GIB - 1)] {
        for fence in [(page(last), None), (page(0), asid(1))] {
            let answers = after(level, leaf(OLD, BITS), leaf(0, BITS), fence);
            assert_eq!(answers, [Ok(PAGE as u64)], "{fence:?}");
        }
    }
}

/// What may be read at `PAGE` when the pointer at `level` was made to lead to another table, after `fence`.
fn pointers_after(level: usize, bits: u64, (vaddr, asid): Fence) -> Vec<Result<u64, u8>> {
    let tables = Tables::sv39();
    let other = Tables::on(tables.machine.clone(), Mode::Sv39);
    tables.write(PAGE, 0, leaf(OLD, BITS));
    other.write(PAGE, 0, leaf(NEW, BITS));
    let entry = tables.entry(PAGE, level);
    let word = |at| read(&tables.machine, at);
    write(&tables.machine, entry, word(entry) | bits);
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, word(other.entry(PAGE, level)));
    cpu.sfence_vma(vaddr, asid);
    // The leaf is read afresh, so that the pointer alone decides.
    cpu.sfence_vma(page(PAGE), None);
    set(loads(cpu, PAGE))
}

#[test]
fn pointers_stay_over_a_fence_with_an_address() {
    for level in [1, 2] {
        for fence in [(page(PAGE), None), (page(PAGE), asid(1)), (None, asid(2))] {
            assert_eq!(
                pointers_after(level, 0, fence),
                [Ok(OLD), Ok(NEW)],
                "{fence:?}"
            );
        }
        for fence in [ALL, (None, asid(1))] {
            assert_eq!(pointers_after(level, 0, fence), [Ok(NEW)], "{fence:?}");
        }
        assert_eq!(
            pointers_after(level, G, (None, asid(1))),
            [Ok(OLD), Ok(NEW)]
        );
        assert_eq!(pointers_after(level, G, ALL), [Ok(NEW)]);
    }
}

#[test]
fn an_entry_that_was_not_valid_stays_so_until_its_fence() {
    let made = |fence| after(0, 0, leaf(NEW, BITS), fence);
    for fence in [(None, asid(2)), (page(0), None)] {
        assert_eq!(made(fence), [Ok(NEW), Err(13)], "{fence:?}");
    }
    for fence in [
        ALL,
        (None, asid(1)),
        (page(PAGE), None),
        (page(PAGE), asid(1)),
    ] {
        assert_eq!(made(fence), [Ok(NEW)], "{fence:?}");
    }
}

#[test]
fn a_missing_superpage_is_seen_after_a_fence_with_its_address_and_a_missing_table_is_not() {
    let superpage = after(1, 0, leaf(NEW, BITS), (page(PAGE), None));
    assert_eq!(superpage, [Ok(NEW + PAGE as u64)]);
    for (fence, expected) in [
        ((page(PAGE), None), vec![Ok(NEW), Err(13)]),
        ((page(PAGE), asid(1)), vec![Ok(NEW), Err(13)]),
        ((None, asid(1)), vec![Ok(NEW)]),
        (ALL, vec![Ok(NEW)]),
    ] {
        let tables = Tables::sv39();
        let cpu = tables.cpu(0);
        cpu.prefetch(VirtAddr::new(PAGE));
        tables.write(PAGE, 0, leaf(NEW, BITS));
        cpu.sfence_vma(fence.0, fence.1);
        assert_eq!(set(loads(cpu, PAGE)), expected, "{fence:?}");
    }
}

#[test]
fn svvptc_never_keeps_what_is_not_valid() {
    let extensions = Extensions::new().with_svvptc(true);
    let tables = Tables::new(Mode::Sv39, extensions);
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    assert_eq!(load(cpu, PAGE), Err(13));
    tables.write(PAGE, 0, leaf(NEW, BITS));
    assert_eq!(set(loads(cpu, PAGE)), [Ok(NEW)]);
}

#[test]
fn writing_satp_forgets_nothing_and_entries_hit_by_asid() {
    let tables = Tables::sv39();
    let other = Tables::on(tables.machine.clone(), Mode::Sv39);
    tables.write(PAGE, 0, leaf(OLD, BITS));
    other.write(PAGE, 0, leaf(NEW, BITS));
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    cpu.write_satp(other.satp(2));
    assert_eq!(loads(cpu, PAGE), [Ok(NEW)], "another ASID");
    cpu.write_satp(other.satp(1));
    let answers = loads(cpu, PAGE);
    assert!(
        answers.contains(&Ok(OLD)),
        "the ASID of the old root: {answers:?}"
    );
    assert!(tables.machine.stale().is_some());
    cpu.sfence_vma(None, asid(1));
    assert_eq!(loads(cpu, PAGE), [Ok(NEW)]);
}

#[test]
fn global_entries_hit_under_every_asid() {
    for level in [0, 2] {
        let tables = Tables::sv39();
        let other = Tables::on(tables.machine.clone(), Mode::Sv39);
        other.write(PAGE, 0, leaf(NEW, BITS));
        if level == 0 {
            tables.write(PAGE, 0, leaf(OLD, BITS | G));
        } else {
            tables.write(PAGE, 0, leaf(OLD, BITS));
            let word = read(&tables.machine, tables.root);
            write(&tables.machine, tables.root, word | G);
        }
        let cpu = tables.cpu(0);
        cpu.prefetch(VirtAddr::new(PAGE));
        cpu.write_satp(other.satp(2));
        // So that only the leaf that is cached can lead there.
        tables.write(PAGE, 0, 0);
        assert!(
            loads(cpu, PAGE).contains(&Ok(OLD)),
            "what a global pointer leads to is global"
        );
    }
}

#[test]
fn a_fence_is_for_one_cpu() {
    let tables = Tables::sv39();
    let entry = tables.write(PAGE, 0, leaf(OLD, BITS));
    let cpus = [tables.cpu(0), tables.cpu(1)];
    cpus.iter()
        .for_each(|cpu| cpu.prefetch(VirtAddr::new(PAGE)));
    write(&tables.machine, entry, leaf(NEW, BITS));
    cpus[0].sfence_vma(None, None);
    assert_eq!(loads(cpus[0], PAGE), [Ok(NEW)]);
    assert!(loads(cpus[1], PAGE).contains(&Ok(OLD)));
    assert_eq!(tables.machine.stale().unwrap().cpu, 1);
}

#[test]
fn a_cached_pointer_leads_into_a_table_that_was_given_back() {
    let tables = Tables::sv39();
    let lower = table(&tables.machine);
    tables.write(GIB, 2, pointer(lower));
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(GIB));
    tables.write(GIB, 2, 0);
    #[expect(unsafe_code, reason = "the test owns the table")]
    // SAFETY: `table` gave up the `Frame` and kept the address, and nothing else is made of it.
    let frame = unsafe { Frame::of(tables.machine.id(), lower) };
    tables.machine.release(frame, false);
    let outcomes = cpu.outcomes(VirtAddr::new(GIB), Access::Read);
    assert!(
        outcomes
            .iter()
            .any(|outcome| outcome.is_err_and(|trap| trap.freed == Some(lower))),
        "{outcomes:?}"
    );
    assert!(
        tables
            .machine
            .stale()
            .is_some_and(|stale| !stale.is_spurious)
    );
}
