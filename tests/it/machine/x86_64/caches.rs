//! 'Caching Translation Information': what is cached, under which PCID, and what a fault makes of it.

use kernel_vm::backend::mock::machine::X86_64;
use kernel_vm::{Access, VirtAddr};

use super::tables::{
    A, Answer, D, G, P, PS, RW, Tables, US, XD, load, loads, outcomes, read, write,
};

const GIB: usize = 1 << 30;
const MIB: usize = 1 << 20;
const PAGE: usize = 0x4000;
const OLD: u64 = 0x40_0000_0000;
const NEW: u64 = 0x50_0000_0000;
const BITS: u64 = P | RW | A | D;

const STALE: [Answer; 2] = [Ok(OLD), Ok(NEW)];
const FRESH: [Answer; 1] = [Ok(NEW)];

fn page(vaddr: usize) -> VirtAddr {
    VirtAddr::new(vaddr)
}

#[test]
fn what_is_not_present_or_reserved_is_never_cached() {
    let reserved = PS | 1 << 13;
    for level in 0..3 {
        for bad in [0, OLD | RW, OLD | P | XD | reserved] {
            let tables = Tables::of(X86_64::new().with_nxe(false));
            let entry = tables.write(PAGE, level, bad);
            let cpu = tables.cpu(0);
            cpu.prefetch(page(PAGE));
            assert!(load(cpu, PAGE).is_err());
            let size = if level == 0 { 0 } else { PS };
            write(&tables.machine, entry, BITS | size);
            assert_eq!(loads(cpu, PAGE).len(), 1);
            assert!(load(cpu, PAGE).is_ok());
            assert_eq!(tables.machine.stale(), None);
        }
    }
}

#[test]
fn entries_hit_under_their_pcid_and_global_leaves_under_all() {
    for (bits, expected) in [(0, FRESH.to_vec()), (G, STALE.to_vec())] {
        let tables = Tables::new();
        let other = Tables::on(tables.machine.clone());
        tables.write(PAGE, 0, OLD | BITS | bits);
        other.write(PAGE, 0, NEW | BITS);
        tables.cpu_under(0, 1).prefetch(page(PAGE));
        assert_eq!(loads(other.cpu_under(0, 2), PAGE), expected);
        let mixed = loads(other.cpu_under(0, 1), PAGE);
        assert_eq!(mixed, STALE, "the PCID of the old root");
    }
}

#[test]
fn g_means_nothing_in_pointers_and_without_pge() {
    let tables = Tables::new();
    let other = Tables::on(tables.machine.clone());
    tables.write(PAGE, 0, OLD | BITS);
    other.write(PAGE, 0, NEW | BITS);
    let entry = tables.entry(PAGE, 3);
    let word = read(&tables.machine, entry);
    write(&tables.machine, entry, word | G);
    tables.cpu_under(0, 1).prefetch(page(PAGE));
    assert_eq!(loads(other.cpu_under(0, 2), PAGE), FRESH);
    tables.write(PAGE, 0, OLD | BITS | G);
    let cpu = tables.cpu_under(1, 1);
    cpu.set_pge(false);
    cpu.prefetch(page(PAGE));
    assert_eq!(loads(other.cpu_under(1, 2), PAGE), FRESH);
}

/// A leaf with less than there is now faults, and the fault ends it. One of another memory type does not fault.
#[test]
fn a_leaf_of_another_memory_type_is_stale_whatever_it_allows() {
    const PWT: u64 = 1 << 3;
    const PCD: u64 = 1 << 4;
    for (level, pat, size) in [(0, 1 << 7, 0), (1, 1 << 12, PS)] {
        for index in [0, PWT, PCD, pat] {
            let tables = Tables::new();
            let entry = tables.write(PAGE, level, OLD | P | A | size);
            tables.cpu(0).prefetch(page(PAGE));
            write(&tables.machine, entry, OLD | BITS | size | index);
            let stale = tables.machine.stale().unwrap();
            assert_eq!(stale.is_spurious, index == 0, "{index:#x} at level {level}");
            tables.cpu(0).prefetch(page(PAGE));
            assert_eq!(
                tables.machine.conflict(),
                None,
                "nothing need be broken here"
            );
        }
    }
}

/// However a CPU keeps a large leaf, an address in it names all of it.
#[test]
fn a_large_leaf_goes_with_any_address_in_it() {
    for (level, size) in [(1, 2 * MIB), (2, GIB)] {
        let tables = Tables::new();
        let entry = tables.write(0, level, OLD | BITS | PS);
        let cpu = tables.cpu(0);
        cpu.prefetch(page(0));
        cpu.prefetch(page(size / 2));
        write(&tables.machine, entry, NEW | BITS | PS);
        assert_eq!(loads(cpu, 0), STALE);
        cpu.invlpg(page(size - 1));
        assert_eq!(loads(cpu, 0), FRESH);
    }
}

/// So a fault that the tables no longer give a reason for does not come twice.
#[test]
fn a_page_fault_forgets_what_was_cached_for_its_address() {
    for _ in 0..64 {
        let tables = Tables::new();
        let entry = tables.write(PAGE, 0, OLD | P | A | G);
        let cpu = tables.cpu_under(0, 1);
        cpu.prefetch(page(PAGE));
        write(&tables.machine, entry, OLD | BITS | G);
        assert!(tables.machine.stale().unwrap().is_spurious);
        let faults = outcomes(cpu, PAGE, Access::Write);
        assert_eq!(faults, [Ok(OLD), Err(1 | 1 << 1)]);
        if cpu.translate(page(PAGE), Access::Write).is_err() {
            assert_eq!(outcomes(cpu, PAGE, Access::Write), [Ok(OLD)]);
        }
    }
}

/// A cache of pointers keeps the rights of the entries down to it.
#[test]
fn a_pointer_that_allows_less_is_stale_until_it_is_flushed() {
    for (bit, access) in [
        (RW, Access::Write),
        (US, Access::Read),
        (XD, Access::Execute),
    ] {
        let tables = Tables::new();
        let leaf = tables.entry(PAGE, 0);
        let cpu = tables.cpu(0);
        cpu.set_smap(bit == US);
        cpu.prefetch(page(PAGE));
        write(&tables.machine, leaf, OLD | BITS | US);
        let entry = tables.entry(PAGE, 2);
        let word = read(&tables.machine, entry);
        write(&tables.machine, entry, word ^ bit);
        assert_eq!(outcomes(cpu, PAGE, access).len(), 2, "{access:?}");
        assert!(tables.machine.stale().is_some(), "{access:?}");
        cpu.invlpg(page(0));
        assert_eq!(outcomes(cpu, PAGE, access).len(), 1, "{access:?}");
        assert_eq!(tables.machine.stale(), None, "{access:?}");
    }
}
