//! 'Using break-before-make when updating translation table entries'.

use kernel_vm::backend::mock::machine::{AArch64, Conflict, Hafdbs, Tlbi};
use kernel_vm::{Asid, Flush, Tlb, VirtAddr};

use super::tables::{
    AF, BLOCK, DBM, EL0, NG, PXN, READ_ONLY, TABLE, Tables, USED, UXN, forget_all, table, write,
};

const PAGE: usize = 0x4000;
const TO: u64 = 0x8000_0000;
const LARGE: usize = 0x20_0000;

/// The conflict that there is where CPU 0 has cached one word for a page, and another takes its place at once.
fn changed_on(cpus: AArch64, old: u64, new: u64) -> Option<Conflict> {
    let tables = Tables::new(cpus);
    let entry = tables.write(PAGE, 3, old);
    tables.cpu(0).prefetch(VirtAddr::new(PAGE));
    assert_eq!(tables.machine.conflict(), None);
    write(&tables.machine, entry, new);
    tables.machine.conflict()
}

fn changed(old: u64, new: u64) -> Option<Conflict> {
    changed_on(AArch64::new(), TO | USED | NG | old, TO | USED | NG | new)
}

#[test]
fn permissions_and_marks_may_change_at_once() {
    let rights = [0, EL0, READ_ONLY, UXN, PXN, DBM, DBM | READ_ONLY, 1 << 55];
    for old in rights {
        for new in rights {
            assert_eq!(changed(old, new), None, "{old:#x} {new:#x}");
        }
    }
    let page = TO | USED & !AF;
    assert_eq!(changed_on(AArch64::new(), page, page | AF), None);
    assert_eq!(changed_on(AArch64::new(), page | AF, page), None);
    assert_eq!(changed_on(AArch64::new(), page | AF, 0), None);
}

#[test]
fn addresses_types_and_shareability_may_not() {
    let found = Conflict {
        cpu: 0,
        vaddr: VirtAddr::new(PAGE),
    };
    for bits in [0x1000, 1 << 2, 1 << 3, 1 << 4, 1 << 8, 1 << 9] {
        assert_eq!(changed(0, bits), Some(found), "{bits:#x}");
        assert_eq!(changed(bits, 0), Some(found), "{bits:#x}");
    }
    assert_eq!(
        found.to_string(),
        "two translations at once for 0x4000 on CPU 0"
    );
}

/// 'Creating a global entry when there might be non-global entries in a TLB that overlap with that global entry.'
#[test]
fn a_global_entry_may_not_overlap_with_those_of_an_asid() {
    let [local, global] = [TO | USED | NG, TO | USED];
    assert!(changed_on(AArch64::new(), local, global).is_some());
    assert_eq!(changed_on(AArch64::new(), global, local), None);
}

/// A leaf that no TLB holds need not be broken.
#[test]
fn a_leaf_without_the_access_flag_may_be_replaced() {
    let [old, new] = [TO | USED & !AF, (TO + 0x1000) | USED];
    assert_eq!(changed_on(AArch64::new(), old, new), None);
    assert_eq!(changed_on(AArch64::new(), new, old), None);
    let hardware = AArch64::new().with_hafdbs(Hafdbs::Flag);
    assert!(changed_on(hardware, old, new).is_some());
    assert!(changed_on(hardware, new, old).is_some());
}

/// Tables of a block's size, with pages that lead where the block does, or with nothing.
fn smaller(tables: &Tables, bits: u64) -> u64 {
    let below = table(&tables.machine);
    for page in 0..512 {
        let at = kernel_vm::PhysAddr::new(below.get() + 8 * page);
        write(
            &tables.machine,
            at,
            if bits == 0 {
                0
            } else {
                (TO + (page << 12)) | bits
            },
        );
    }
    below.get() | TABLE
}

/// 'A change to the size of block used by the translation system', from large to small and from small to large, though
/// all lead alike.
#[test]
fn another_size_is_another_translation() {
    for (bits, is_found) in [(USED, true), (0, false)] {
        let tables = Tables::new(AArch64::new());
        let entry = tables.write(LARGE, 2, TO | BLOCK | AF);
        tables.cpu(0).prefetch(VirtAddr::new(LARGE + PAGE));
        let pointer = smaller(&tables, bits);
        write(&tables.machine, entry, pointer);
        assert_eq!(tables.machine.conflict().is_some(), is_found);
        let tables = Tables::new(AArch64::new());
        let pointer = smaller(&tables, bits);
        let entry = tables.write(LARGE, 2, pointer);
        tables.cpu(0).prefetch(VirtAddr::new(LARGE + PAGE));
        write(&tables.machine, entry, TO | BLOCK | AF);
        assert_eq!(tables.machine.conflict().is_some(), is_found);
    }
}

/// A cached pointer to a table that is no longer there has its leaves in reach.
#[test]
fn another_table_is_another_translation_where_its_leaves_are() {
    for (to, is_found) in [(TO, false), (TO + 0x1000, true)] {
        let tables = Tables::new(AArch64::new());
        let other = Tables::on(tables.machine.clone());
        tables.write(PAGE, 3, TO | USED);
        other.write(PAGE, 3, to | USED);
        let entry = tables.entry(PAGE, 2);
        let word = super::tables::read(&tables.machine, other.entry(PAGE, 2));
        tables.cpu(0).prefetch(VirtAddr::new(PAGE));
        write(&tables.machine, entry, word);
        assert_eq!(tables.machine.conflict().is_some(), is_found);
    }
}

#[test]
fn an_entry_that_is_broken_first_conflicts_with_nothing() {
    let tables = Tables::new(AArch64::new());
    let entry = tables.write(PAGE, 3, TO | USED);
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, 0);
    forget_all(cpu);
    write(&tables.machine, entry, (TO + 0x1000) | USED);
    cpu.prefetch(VirtAddr::new(PAGE));
    assert_eq!(tables.machine.conflict(), None);
}

/// Both are cached, and neither is in memory any more: it is remembered.
#[test]
fn two_that_were_cached_are_found_and_remembered() {
    let tables = Tables::new(AArch64::new());
    let entry = tables.write(PAGE, 3, TO | USED);
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, 0);
    cpu.dsb_ishst();
    cpu.tlbi(Tlbi::Vaale1(VirtAddr::new(PAGE)));
    // Without the barrier that completes it.
    write(&tables.machine, entry, (TO + 0x1000) | USED);
    cpu.prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, 0);
    forget_all(cpu);
    assert_eq!(tables.machine.stale(), None);
    assert!(tables.machine.conflict().is_some());
}

/// A hook looks before it lets anything go.
#[test]
fn a_flush_that_comes_after_the_make_is_too_late() {
    let tables = Tables::new(AArch64::new());
    let entry = tables.write(PAGE, 3, TO | USED);
    tables.cpu(0).prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, (TO + 0x1000) | USED);
    tables.machine.flush(&Flush::everything(tables.root));
    assert_eq!(tables.machine.stale(), None);
    assert!(tables.machine.conflict().is_some());
}

/// What another ASID has is out of reach until it is the current one.
#[test]
fn the_translation_of_another_asid_is_out_of_reach() {
    let tables = Tables::new(AArch64::new());
    let other = Tables::on(tables.machine.clone());
    tables.write(PAGE, 3, TO | USED | NG);
    other.write(PAGE, 3, (TO + 0x1000) | USED | NG);
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    cpu.write_ttbr0(other.ttbr(2));
    cpu.prefetch(VirtAddr::new(PAGE));
    assert_eq!(tables.machine.conflict(), None);
    // A number that is given to another space, and not forgotten before.
    cpu.write_ttbr0(other.ttbr(1));
    assert!(tables.machine.conflict().is_some());
    cpu.tlbi(Tlbi::Aside1(Asid::new(1)));
}
