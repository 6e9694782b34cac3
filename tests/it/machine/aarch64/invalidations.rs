//! 'TLB maintenance instructions': which `TLBI` names what.

use kernel_vm::backend::mock::machine::{AArch64, Fault, Tlbi};
use kernel_vm::{Asid, VirtAddr};

use super::tables::{AF, Answer, BLOCK, NG, Tables, USED, forget_all, load, loads, read, write};

const GIB: usize = 1 << 30;
const PAGE: usize = 0x4000;
const OLD: u64 = 0x8000_0000;
const NEW: u64 = 0x9000_0000;

const NONE: Answer = Err(Fault::Translation(3));

fn page(vaddr: usize) -> VirtAddr {
    VirtAddr::new(vaddr)
}

const fn asid(asid: u16) -> Asid {
    Asid::new(asid)
}

/// All forms, for a page and an ASID.
fn forms(vaddr: usize, number: u16) -> [Tlbi; 6] {
    let (page, asid) = (page(vaddr), asid(number));
    [
        Tlbi::Vae1(asid, page),
        Tlbi::Vale1(asid, page),
        Tlbi::Vaae1(page),
        Tlbi::Vaale1(page),
        Tlbi::Aside1(asid),
        Tlbi::Vmalle1,
    ]
}

/// Which forms, of all for a page and an ASID, forget an entry that `prepare` has had CPU 0 cache, under ASID 1, and
/// has taken out.
fn forgets(vaddr: usize, number: u16, prepare: impl Fn(&Tables)) -> [bool; 6] {
    forms(vaddr, number).map(|form| {
        let tables = Tables::new(AArch64::new());
        prepare(&tables);
        let cpu = tables.machine.cpu(0);
        assert!(tables.machine.stale().is_some());
        cpu.dsb_ishst();
        cpu.tlbi(form);
        cpu.dsb_ish();
        tables.machine.stale().is_none()
    })
}

/// CPU 0 caches a leaf with these bits, which goes.
fn leaf(bits: u64) -> impl Fn(&Tables) {
    move |tables| {
        let entry = tables.write(PAGE, 3, OLD | USED | bits);
        tables.cpu(0).prefetch(page(PAGE));
        write(&tables.machine, entry, 0);
    }
}

/// CPU 0 caches the pointers to an empty table; then the one at a level leads elsewhere, to where a leaf is.
fn pointer(level: usize) -> impl Fn(&Tables) {
    move |tables| {
        let other = Tables::on(tables.machine.clone());
        tables.write(PAGE, 3, 0);
        other.write(PAGE, 3, NEW | USED);
        let entry = tables.entry(PAGE, level);
        let word = read(&tables.machine, other.entry(PAGE, level));
        tables.cpu(0).prefetch(page(PAGE));
        write(&tables.machine, entry, word);
    }
}

#[test]
fn a_leaf_goes_by_its_page_and_by_its_asid() {
    assert_eq!(forgets(PAGE, 1, leaf(NG)), [true; 6]);
    assert_eq!(forgets(PAGE + 0xfff, 1, leaf(NG)), [true; 6]);
    let other_asid = [false, false, true, true, false, true];
    assert_eq!(forgets(PAGE, 2, leaf(NG)), other_asid);
    let other_page = [false, false, false, false, true, true];
    assert_eq!(forgets(PAGE + 0x1000, 1, leaf(NG)), other_page);
}

/// 'The entry is a global entry from the final level of lookup': by address under any ASID, and not by ASID alone.
#[test]
fn a_global_leaf_goes_by_its_page_whatever_the_asid() {
    for number in [1, 2] {
        let expected = [true, true, true, true, false, true];
        assert_eq!(forgets(PAGE, number, leaf(0)), expected);
    }
}

#[test]
fn a_block_goes_with_any_page_in_it() {
    for (level, size) in [(1, GIB), (2, 2 << 20)] {
        let block = |tables: &Tables| {
            let entry = tables.write(GIB, level, OLD >> 30 << 30 | BLOCK | AF | NG);
            tables.cpu(0).prefetch(page(GIB + PAGE));
            write(&tables.machine, entry, 0);
        };
        assert_eq!(forgets(GIB + size - 1, 1, block), [true; 6]);
        let beyond = [false, false, false, false, true, true];
        assert_eq!(forgets(GIB + size, 1, block), beyond);
    }
}

/// The forms of the last level leave pointers, and a pointer is of an ASID, global leaves below or not.
#[test]
fn a_pointer_goes_by_forms_of_all_levels_under_its_asid() {
    for level in 0..3 {
        let expected = [true, false, true, false, true, true];
        assert_eq!(forgets(PAGE, 1, pointer(level)), expected, "{level}");
        let other_asid = [false, false, true, false, false, true];
        assert_eq!(forgets(PAGE, 2, pointer(level)), other_asid, "{level}");
        let same_block = [true, false, true, false, true, true];
        assert_eq!(forgets(PAGE + 0x1000, 1, pointer(level)), same_block);
    }
    let elsewhere = [false, false, false, false, true, true];
    assert_eq!(forgets(1 << 40, 1, pointer(0)), elsewhere);
}

/// With TCR_EL1.AS clear, 8 bits of the operand count.
#[test]
fn asids_of_8_bits_are_compared_in_8_bits() {
    let tables = Tables::new(AArch64::new().with_asid_bits(8));
    leaf(NG)(&tables);
    let cpu = tables.machine.cpu(0);
    cpu.dsb_ishst();
    cpu.tlbi(Tlbi::Aside1(asid(0xff02)));
    cpu.dsb_ish();
    assert!(tables.machine.stale().is_some());
    cpu.tlbi(Tlbi::Aside1(asid(0xff01)));
    cpu.dsb_ish();
    assert_eq!(tables.machine.stale(), None);
}

/// 'IS': all CPUs in the Inner Shareable domain. Without, the one that executes it.
#[test]
fn an_invalidation_is_for_one_cpu_or_for_all() {
    for is_broadcast in [false, true] {
        let tables = Tables::new(AArch64::new());
        let entry = tables.write(PAGE, 3, OLD | USED);
        let cpus = [tables.cpu(0), tables.cpu(1)];
        cpus.iter().for_each(|cpu| cpu.prefetch(page(PAGE)));
        write(&tables.machine, entry, 0);
        cpus[0].dsb_ishst();
        if is_broadcast {
            cpus[0].tlbi_is(Tlbi::Vaale1(page(PAGE)));
        } else {
            cpus[0].tlbi(Tlbi::Vaale1(page(PAGE)));
        }
        cpus[0].dsb_ish();
        assert_eq!(loads(cpus[0], PAGE), [NONE]);
        let stale = tables.machine.stale().map(|stale| stale.cpu);
        assert_eq!(stale, (!is_broadcast).then_some(1));
    }
}

/// 'The ASID' of both halves is that of the TTBR which TCR_EL1.A1 names.
#[test]
fn writing_a_ttbr_forgets_nothing_and_entries_hit_by_asid() {
    const HIGH: usize = usize::MAX & !0xfff;
    for a1 in [false, true] {
        for (vaddr, bits, hits) in [(PAGE, NG, false), (HIGH, NG, false), (PAGE, 0, true)] {
            let tables = Tables::new(AArch64::new().with_a1(a1));
            let empty = Tables::on(tables.machine.clone());
            let entry = tables.write(vaddr, 3, OLD | USED | bits);
            let cpu = tables.cpu(0);
            cpu.write_ttbr1(tables.ttbr(1));
            cpu.prefetch(page(vaddr));
            write(&tables.machine, entry, 0);
            cpu.dsb_ishst();
            let run = |asid, other| {
                let [zero, one] = if a1 { [other, asid] } else { [asid, other] };
                cpu.write_ttbr0(empty.ttbr(zero));
                cpu.write_ttbr1(empty.ttbr(one));
                loads(cpu, vaddr).contains(&Ok(OLD))
            };
            assert_eq!(run(2, 1), hits, "another ASID: {vaddr:#x} {bits:#x}");
            assert!(run(1, 2), "the ASID of before: {vaddr:#x} {bits:#x}");
            forget_all(cpu);
            assert!(!run(1, 1));
        }
    }
}

/// 'Permission faults': a leaf that causes one may be cached.
#[test]
fn a_leaf_that_forbids_an_access_is_cached() {
    let tables = Tables::new(AArch64::new());
    let entry = tables.write(PAGE, 3, OLD | USED | super::tables::READ_ONLY);
    let cpu = tables.cpu(0);
    cpu.prefetch(page(PAGE));
    write(&tables.machine, entry, OLD | USED);
    cpu.dsb_ishst();
    assert!(
        tables
            .machine
            .stale()
            .is_some_and(|stale| stale.is_spurious)
    );
    cpu.tlbi(Tlbi::Vale1(asid(1), page(PAGE)));
    cpu.dsb_ish();
    assert_eq!(tables.machine.stale(), None);
    assert_eq!(load(cpu, PAGE), Ok(OLD));
}
