//! 'Ordering and completion of TLB maintenance instructions', and 'Ordering of translation table walks and updates'.

use kernel_vm::backend::mock::machine::{AArch64, Call, Fault, Tlbi};
use kernel_vm::{Asid, Flush, Tlb, VirtAddr};

use super::tables::{Tables, USED, load, loads, write};
use crate::subject::area;

const PAGE: usize = 0x4000;
const OLD: u64 = 0x8000_0000;
const NONE: Result<u64, Fault> = Err(Fault::Translation(3));

/// CPU 0 has cached a page that has gone since. Nobody has said anything.
fn gone() -> Tables {
    let tables = Tables::new(AArch64::new());
    let entry = tables.write(PAGE, 3, OLD | USED);
    tables.cpu(0).prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, 0);
    tables
}

#[test]
fn an_invalidation_is_complete_after_its_barrier() {
    let tables = gone();
    let cpu = tables.machine.cpu(0);
    cpu.dsb_ishst();
    cpu.tlbi(Tlbi::Vmalle1);
    assert!(loads(cpu, PAGE).contains(&Ok(OLD)));
    cpu.dsb_ishst();
    assert!(loads(cpu, PAGE).contains(&Ok(OLD)), "that is for stores");
    cpu.dsb_ish();
    assert_eq!(loads(cpu, PAGE), [NONE]);
}

#[test]
fn an_invalidation_before_the_store_is_visible_is_in_vain() {
    let tables = gone();
    let cpu = tables.machine.cpu(0);
    cpu.tlbi(Tlbi::Vmalle1);
    cpu.dsb_ish();
    assert!(loads(cpu, PAGE).contains(&Ok(OLD)));
    cpu.tlbi(Tlbi::Vmalle1);
    cpu.dsb_ish();
    assert_eq!(loads(cpu, PAGE), [NONE]);
}

/// What a CPU caches after the invalidation was issued need not go.
#[test]
fn an_invalidation_before_the_store_itself_is_in_vain() {
    let tables = Tables::new(AArch64::new());
    let entry = tables.write(PAGE, 3, OLD | USED);
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    cpu.dsb_ishst();
    cpu.tlbi(Tlbi::Vmalle1);
    cpu.prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, 0);
    cpu.dsb_ish();
    assert!(loads(cpu, PAGE).contains(&Ok(OLD)));
}

#[test]
fn a_walk_may_miss_a_store_until_a_barrier() {
    let tables = Tables::new(AArch64::new());
    tables.write(PAGE + 0x1000, 3, OLD | USED);
    let cpu = tables.cpu(0);
    cpu.prefetch(VirtAddr::new(PAGE));
    tables.write(PAGE, 3, OLD | USED);
    assert_eq!(loads(cpu, PAGE), [Ok(OLD), NONE]);
    let stale = tables.machine.stale();
    assert!(stale.is_some_and(|stale| stale.is_spurious));
    tables.machine.cpu(1).dsb_ishst();
    assert_eq!(loads(cpu, PAGE), [Ok(OLD)]);
    assert_eq!(tables.machine.stale(), None);
}

/// 'A TLB does not hold an entry that causes a Translation fault, an Address size fault or an Access flag fault.'
#[test]
fn what_is_not_valid_is_not_cached_beyond_a_barrier() {
    for (level, word) in [
        (0, 0),
        (1, 0),
        (2, 0),
        (3, 0),
        (3, OLD | USED | 1 << 48),
        (3, OLD | 0b11),
    ] {
        let tables = Tables::new(AArch64::new());
        let entry = tables.write(PAGE, level, word);
        let cpu = tables.cpu(0);
        assert!(load(cpu, PAGE).is_err());
        cpu.prefetch(VirtAddr::new(PAGE));
        write(&tables.machine, entry, 0);
        tables.write(PAGE, 3, OLD | USED);
        cpu.dsb_ishst();
        assert_eq!(loads(cpu, PAGE), [Ok(OLD)], "{level} {word:#x}");
    }
}

/// What the machine's own hooks issue, counted, and each needed.
#[test]
fn hooks_issue_barriers_and_one_invalidation_for_each_page() {
    let tables = gone();
    let machine = &tables.machine;
    let calls = || (machine.calls(Call::Barrier), machine.calls(Call::Fence));
    let pages = [area(PAGE, 0x3000)];
    let flush = Flush::leaves(tables.root, &pages).under(Asid::new(1));
    for (call, n) in [
        (Call::Flush, 1),
        (Call::Barrier, 1),
        (Call::Barrier, 2),
        (Call::Fence, 1),
    ] {
        let before = calls();
        machine.skip(call, n);
        machine.flush(&flush);
        assert!(machine.stale().is_some(), "{call:?} {n}");
        // Its leaf is known to be old by now. As if it were not:
        let entry = tables.write(PAGE, 3, OLD | USED);
        tables.cpu(0).prefetch(VirtAddr::new(PAGE));
        machine.cpu(0).dsb_ish();
        tables.cpu(0).prefetch(VirtAddr::new(PAGE));
        write(machine, entry, 0);
        let made = if call == Call::Flush { (1, 0) } else { (3, 3) };
        assert_eq!((calls().0 - before.0, calls().1 - before.1), made);
    }
    machine.flush(&flush);
    assert_eq!(machine.stale(), None);
    let before = calls();
    machine.flush(&Flush::everything(tables.root));
    machine.made_valid(&flush);
    assert_eq!((calls().0 - before.0, calls().1 - before.1), (3, 1));
    assert_eq!(machine.calls(Call::MadeValid), 1);
}
