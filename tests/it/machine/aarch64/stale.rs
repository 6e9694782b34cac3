//! What a CPU has cached, beside what is in memory: what only faults, and what does harm.

use kernel_vm::VirtAddr;
use kernel_vm::backend::mock::machine::{AArch64, Hafdbs, Stale};

use super::tables::{
    AF, DBM, EL0, NG, PAGE_BITS, PXN, READ_ONLY, READ_ONLY_TABLE, Tables, UXN, read, write,
};

const PAGE: usize = 0x4000;
const TO: u64 = 0x8000_0000;

/// What is stale where CPU 0 has cached a page with some bits, and others stand there now.
fn changed(hafdbs: Hafdbs, cached: u64, now: u64) -> Option<Stale> {
    let tables = Tables::new(AArch64::new().with_hafdbs(hafdbs));
    let entry = tables.write(PAGE, 3, TO | PAGE_BITS | cached);
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, TO | PAGE_BITS | now);
    tables.machine.stale()
}

fn is_spurious(hafdbs: Hafdbs, cached: u64, now: u64) -> Option<bool> {
    changed(hafdbs, cached, now).map(|stale| stale.is_spurious)
}

#[test]
fn a_leaf_that_allows_less_than_there_is_now_is_spurious() {
    let off = Hafdbs::Off;
    let none = UXN | PXN | AF;
    for (less, more) in [
        (none | READ_ONLY, none),
        (none, UXN | AF),
        (none, PXN | AF),
        (none | READ_ONLY | EL0, none | EL0),
        (none | DBM | READ_ONLY, none | DBM),
    ] {
        assert_eq!(
            is_spurious(off, less, more),
            Some(true),
            "{less:#x} {more:#x}"
        );
        assert_eq!(
            is_spurious(off, more, less),
            Some(false),
            "{more:#x} {less:#x}"
        );
    }
}

/// With EL0 comes what PSTATE.PAN forbids, and with EL0 and writes what EL1 cannot execute.
#[test]
fn a_leaf_for_another_mode_is_more_than_spurious() {
    for (one, other) in [
        (UXN | PXN | AF, UXN | PXN | AF | EL0),
        (UXN | AF | READ_ONLY | EL0, UXN | AF | EL0),
        (UXN | AF | READ_ONLY, PXN | AF),
    ] {
        for (cached, now) in [(one, other), (other, one)] {
            let seen = is_spurious(Hafdbs::Off, cached, now);
            assert_eq!(seen, Some(false), "{cached:#x} {now:#x}");
        }
    }
}

/// nG tells under which ASIDs a leaf serves, and software's bits tell nothing.
#[test]
fn what_the_mmu_does_not_ask_an_access_for_says_nothing() {
    assert_eq!(changed(Hafdbs::Off, AF, AF | 1 << 55 | 1 << 58), None);
    assert_eq!(changed(Hafdbs::Off, AF | NG, AF), None);
    assert_eq!(changed(Hafdbs::Off, AF, AF | DBM), None, "DBM without HD");
    assert!(changed(Hafdbs::FlagAndDirty, AF | READ_ONLY, AF | READ_ONLY | DBM).is_some());
}

/// The hardware sets marks in memory: a CPU that is behind makes up for it. One that is ahead loses them.
#[test]
fn marks_may_be_behind_where_the_hardware_sets_them() {
    let on = Hafdbs::FlagAndDirty;
    let clean = AF | DBM | READ_ONLY;
    assert_eq!(changed(on, clean, AF | DBM), None);
    assert_eq!(is_spurious(on, AF | DBM, clean), Some(false));
    assert_eq!(is_spurious(on, AF, 0), Some(false));
    assert_eq!(is_spurious(Hafdbs::Off, AF, 0), Some(false));
    assert_eq!(is_spurious(Hafdbs::Off, 0, AF), Some(true));
}

/// What a table on the way takes counts as the leaf's own.
#[test]
fn a_table_that_takes_permissions_makes_leaves_stale() {
    let tables = Tables::new(AArch64::new());
    tables.write(PAGE, 3, TO | PAGE_BITS | AF);
    let entry = tables.entry(PAGE, 1);
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    let word = read(&tables.machine, entry);
    write(&tables.machine, entry, word | READ_ONLY_TABLE);
    assert!(
        tables
            .machine
            .stale()
            .is_some_and(|stale| !stale.is_spurious)
    );
    super::tables::forget_all(cpu);
    cpu.prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, word);
    assert!(
        tables
            .machine
            .stale()
            .is_some_and(|stale| stale.is_spurious)
    );
}
