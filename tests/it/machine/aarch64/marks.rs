//! 'The Access flag' and 'Hardware management of dirty state'.

use kernel_vm::backend::mock::machine::{AArch64, Fault, Hafdbs};
use kernel_vm::{Access, VirtAddr};

use super::tables::{AF, Answer, DBM, PAGE_BITS, READ_ONLY, Tables, go, load, read, write};

const PAGE: usize = 0x4000;
const TO: u64 = 0x8000_5000;

/// What an access to a page with these bits answers, and the bits after it.
fn after(hafdbs: Hafdbs, bits: u64, access: Access) -> (Answer, u64) {
    let tables = Tables::new(AArch64::new().with_hafdbs(hafdbs));
    let entry = tables.write(PAGE, 3, TO | PAGE_BITS | bits);
    let answer = go(tables.cpu(0), PAGE, access);
    let word = read(&tables.machine, entry);
    (answer, word & !(TO | PAGE_BITS))
}

#[test]
fn a_leaf_without_the_flag_faults_where_the_hardware_does_not_set_it() {
    for access in [Access::Read, Access::Write, Access::Execute] {
        let fault = Err(Fault::AccessFlag(3));
        assert_eq!(after(Hafdbs::Off, 0, access), (fault, 0));
        assert_eq!(after(Hafdbs::Off, READ_ONLY, access), (fault, READ_ONLY));
        assert_eq!(after(Hafdbs::Off, AF, access), (Ok(TO), AF));
        assert_eq!(after(Hafdbs::Flag, 0, access), (Ok(TO), AF));
        assert_eq!(after(Hafdbs::FlagAndDirty, 0, access), (Ok(TO), AF));
    }
}

/// 'Prioritization of MMU faults': the Access flag before permissions.
#[test]
fn the_flag_comes_before_permissions() {
    let (answer, _) = after(Hafdbs::Off, READ_ONLY, Access::Write);
    assert_eq!(answer, Err(Fault::AccessFlag(3)));
    let (answer, _) = after(Hafdbs::Off, READ_ONLY | AF, Access::Write);
    assert_eq!(answer, Err(Fault::Permission(3)));
}

#[test]
fn a_write_clears_ap_2_with_dbm_and_only_a_write() {
    let clean = AF | DBM | READ_ONLY;
    let on = Hafdbs::FlagAndDirty;
    assert_eq!(after(on, clean, Access::Write), (Ok(TO), AF | DBM));
    assert_eq!(after(on, clean, Access::Read), (Ok(TO), clean));
    assert_eq!(
        after(on, DBM | READ_ONLY, Access::Write),
        (Ok(TO), AF | DBM)
    );
    let denied = (Err(Fault::Permission(3)), clean);
    assert_eq!(after(Hafdbs::Flag, clean, Access::Write), denied);
    assert_eq!(after(Hafdbs::Off, clean, Access::Write), denied);
    let read_only = AF | READ_ONLY;
    let denied = (Err(Fault::Permission(3)), read_only);
    assert_eq!(after(on, read_only, Access::Write), denied);
}

/// The flag may be set by speculation; that a page was written may not be told so here.
#[test]
fn speculation_sets_the_flag_and_no_dirty_state() {
    let tables = Tables::new(AArch64::new().with_hafdbs(Hafdbs::FlagAndDirty));
    let entry = tables.write(PAGE, 3, TO | PAGE_BITS | DBM | READ_ONLY);
    tables.cpu(0).prefetch(VirtAddr::new(PAGE));
    let word = read(&tables.machine, entry);
    assert_eq!(word, TO | PAGE_BITS | DBM | READ_ONLY | AF);
}

/// A CPU that has cached a clean leaf sets the state in memory, whatever else has become of the leaf.
#[test]
fn a_cached_clean_leaf_is_made_dirty_in_memory() {
    let tables = Tables::new(AArch64::new().with_hafdbs(Hafdbs::FlagAndDirty));
    let clean = TO | PAGE_BITS | AF | DBM | READ_ONLY;
    let entry = tables.write(PAGE, 3, clean);
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, clean | 1 << 55);
    assert_eq!(go(cpu, PAGE, Access::Write), Ok(TO));
    let word = read(&tables.machine, entry);
    assert_eq!(word, clean & !READ_ONLY | 1 << 55);
}

/// Only 'a leaf that does not cause an Access flag fault' is in a TLB: no invalidation is needed when AF is set.
#[test]
fn a_leaf_without_the_flag_is_not_cached_beyond_a_barrier() {
    let tables = Tables::new(AArch64::new());
    let entry = tables.write(PAGE, 3, TO | PAGE_BITS);
    let cpu = tables.cpu(0);
    assert_eq!(load(cpu, PAGE), Err(Fault::AccessFlag(3)));
    cpu.prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, TO | PAGE_BITS | AF);
    assert!(
        tables
            .machine
            .stale()
            .is_some_and(|stale| stale.is_spurious)
    );
    cpu.dsb_ishst();
    assert_eq!(tables.machine.stale(), None);
    assert_eq!(load(cpu, PAGE), Ok(TO));
}
