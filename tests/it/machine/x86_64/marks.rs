//! 'Accessed and Dirty Flags'.

use kernel_vm::{Access, VirtAddr};

use super::tables::{A, D, P, PS, RW, Tables, US, go, load, read, write};

const PAGE: usize = 0x4000;
const TO: u64 = 0x40_0000_0000;

/// The entries on the way to `PAGE`, the leaf at `level` first.
fn marks(tables: &Tables, level: usize) -> Vec<u64> {
    let entries = (level..tables.levels()).map(|level| tables.entry(PAGE, level));
    entries
        .map(|entry| read(&tables.machine, entry) & (A | D))
        .collect()
}

#[test]
fn every_entry_that_is_used_is_marked_as_accessed_and_leaves_alone_as_dirty() {
    for (level, bits) in [(0, 0), (1, PS), (2, PS)] {
        for (access, leaf) in [
            (Access::Read, A),
            (Access::Execute, A),
            (Access::Write, A | D),
        ] {
            let tables = Tables::new();
            tables.write(PAGE, level, TO | P | RW | bits);
            let pointers = vec![A; 3 - level];
            assert_eq!(marks(&tables, level), vec![0; 4 - level]);
            assert!(go(tables.cpu(0), PAGE, access).is_ok());
            let expected: Vec<_> = [leaf].into_iter().chain(pointers).collect();
            assert_eq!(marks(&tables, level), expected, "level {level}");
        }
    }
}

#[test]
fn speculation_never_marks_as_dirty() {
    let tables = Tables::new();
    tables.write(PAGE, 0, TO | P | RW);
    tables.cpu(0).prefetch(VirtAddr::new(PAGE));
    assert_eq!(marks(&tables, 0), [A; 4]);
}

#[test]
fn what_is_not_allowed_is_not_marked_as_dirty() {
    let tables = Tables::new();
    tables.write(PAGE, 0, TO | P | US);
    let cpu = tables.cpu(0);
    assert!(go(cpu, PAGE, Access::Write).is_err());
    assert_eq!(marks(&tables, 0)[0] & D, 0);
    cpu.set_wp(false);
    assert!(go(cpu, PAGE, Access::Write).is_ok());
    assert_eq!(marks(&tables, 0)[0], A | D, "read-only, without protection");
}

#[test]
fn entries_that_fault_are_not_marked() {
    let reserved = 1 << 13 | PS;
    for word in [TO | RW, TO | P | reserved] {
        let tables = Tables::new();
        let entry = tables.write(PAGE, 1, word);
        assert!(load(tables.cpu(0), PAGE).is_err());
        assert_eq!(read(&tables.machine, entry), word);
    }
}

/// A CPU that has cached D does not set it again: so who clears it must tell the CPU.
#[test]
fn a_cached_dirty_flag_is_not_set_again_until_it_is_flushed() {
    let mut lost = 0;
    for _ in 0..64 {
        let tables = Tables::new();
        let entry = tables.write(PAGE, 0, TO | P | RW | A | D);
        let cpu = tables.cpu(0);
        cpu.prefetch(VirtAddr::new(PAGE));
        write(&tables.machine, entry, TO | P | RW | A);
        assert!(
            tables
                .machine
                .stale()
                .is_some_and(|stale| !stale.is_spurious)
        );
        assert_eq!(go(cpu, PAGE, Access::Write), Ok(TO));
        lost += usize::from(read(&tables.machine, entry) & D == 0);
        write(&tables.machine, entry, TO | P | RW | A);
        cpu.invlpg(VirtAddr::new(PAGE));
        assert_eq!(go(cpu, PAGE, Access::Write), Ok(TO));
        assert_eq!(read(&tables.machine, entry) & D, D);
    }
    assert!(lost > 32, "{lost} of 64 stores left no trace");
}

/// A CPU that has cached a clear D sets it in the entry that is there now, if that is the same.
#[test]
fn d_is_never_set_in_an_entry_that_has_changed() {
    for _ in 0..64 {
        let tables = Tables::new();
        let entry = tables.write(PAGE, 0, TO | P | RW | A);
        let cpu = tables.cpu(0);
        cpu.prefetch(VirtAddr::new(PAGE));
        let other = TO + 0x1000;
        write(&tables.machine, entry, other | P | RW | A);
        assert_eq!(go(cpu, PAGE, Access::Write), Ok(other));
        assert_eq!(read(&tables.machine, entry), other | P | RW | A | D);
    }
}

#[test]
fn an_accessed_flag_that_is_cached_and_cleared_is_stale() {
    let tables = Tables::new();
    let entry = tables.write(PAGE, 0, TO | P | A);
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    assert_eq!(tables.machine.stale(), None);
    write(&tables.machine, entry, TO | P);
    assert!(tables.machine.stale().is_some());
    cpu.invlpg(VirtAddr::new(PAGE));
    assert_eq!(tables.machine.stale(), None);
}
