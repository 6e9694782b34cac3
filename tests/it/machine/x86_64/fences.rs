//! 'Caching Translation Information': what is cached, and what forgets it.

use kernel_vm::backend::mock::machine::{Cpu, Invalidate, X86_64};
use kernel_vm::{Access, Asid, VirtAddr};

use super::tables::{
    A, Answer, D, G, KEEP, P, PS, RW, Tables, US, XD, load, loads, outcomes, read, write,
};

const GIB: usize = 1 << 30;
const MIB: usize = 1 << 20;
const PAGE: usize = 0x4000;
const OLD: u64 = 0x40_0000_0000;
const NEW: u64 = 0x50_0000_0000;
const BITS: u64 = P | RW | A | D;

const STALE: [Answer; 2] = [Ok(OLD), Ok(NEW)];
const FRESH: [Answer; 1] = [Ok(NEW)];

/// What a CPU does between the change of an entry and the look at it.
type Act = fn(Cpu<'_, X86_64>, &Tables);

fn page(vaddr: usize) -> VirtAddr {
    VirtAddr::new(vaddr)
}

fn of(pcid: u16, vaddr: usize) -> Invalidate {
    Invalidate::Page(Asid::new(pcid), page(vaddr))
}

fn space(pcid: u16) -> Invalidate {
    Invalidate::Space(Asid::new(pcid))
}

/// What may be read under PCID 1 when the leaf for `PAGE` was `old`, was cached there, and leads elsewhere now.
fn leaf_after(bits: u64, act: Act) -> Vec<Answer> {
    let tables = Tables::new();
    let entry = tables.write(PAGE, 0, OLD | BITS | bits);
    let cpu = tables.cpu_under(0, 1);
    cpu.prefetch(page(PAGE));
    write(&tables.machine, entry, NEW | BITS);
    act(cpu, &tables);
    loads(tables.cpu_under(0, 1), PAGE)
}

/// What may be read under PCID 1 when a pointer above `PAGE` was cached there, and leads to another table now.
///
/// The leaves are written last, so that none was cached: the pointer alone decides.
fn pointer_after(level: usize, act: Act) -> Vec<Answer> {
    let tables = Tables::new();
    let other = Tables::on(tables.machine.clone());
    let [old, new] = [&tables, &other].map(|tables| tables.entry(PAGE, 0));
    let cpu = tables.cpu_under(0, 1);
    cpu.prefetch(page(PAGE));
    let word = read(&tables.machine, other.entry(PAGE, level));
    write(&tables.machine, tables.entry(PAGE, level), word);
    act(cpu, &tables);
    write(&tables.machine, old, OLD | BITS);
    write(&tables.machine, new, NEW | BITS);
    loads(tables.cpu_under(0, 1), PAGE)
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
fn invlpg_forgets_leaves_of_the_current_pcid_and_global_ones() {
    assert_eq!(leaf_after(0, |_, _| ()), STALE);
    assert_eq!(
        leaf_after(0, |cpu, _| cpu.invlpg(page(PAGE + 0xfff))),
        FRESH
    );
    assert_eq!(leaf_after(G, |cpu, _| cpu.invlpg(page(PAGE))), FRESH);
    let beside: [Act; 2] = [
        |cpu, _| cpu.invlpg(page(PAGE + 0x1000)),
        |cpu, _| cpu.invlpg(page(PAGE - 1)),
    ];
    for act in beside {
        assert_eq!(leaf_after(0, act), STALE);
    }
    let elsewhere: Act = |_, tables| tables.cpu_under(0, 2).invlpg(page(PAGE));
    assert_eq!(leaf_after(0, elsewhere), STALE, "another PCID's");
    assert_eq!(leaf_after(G, elsewhere), FRESH, "a global one");
}

#[test]
fn invlpg_forgets_every_pointer_of_the_current_pcid() {
    for level in 1..4 {
        assert_eq!(pointer_after(level, |_, _| ()), STALE, "level {level}");
        let anywhere: Act = |cpu, _| cpu.invlpg(page(0x7fff_0000_0000));
        assert_eq!(pointer_after(level, anywhere), FRESH, "level {level}");
        let elsewhere: Act = |_, tables| tables.cpu_under(0, 2).invlpg(page(PAGE));
        assert_eq!(pointer_after(level, elsewhere), STALE, "level {level}");
    }
}

#[test]
fn invpcid_forgets_one_page_of_one_pcid() {
    let here: Act = |cpu, _| cpu.invpcid(of(1, PAGE));
    assert_eq!(leaf_after(0, here), FRESH);
    assert_eq!(leaf_after(G, here), STALE, "global ones stay");
    let others: [Act; 2] = [
        |cpu, _| cpu.invpcid(of(2, PAGE)),
        |cpu, _| cpu.invpcid(of(1, PAGE + 0x1000)),
    ];
    for act in others {
        assert_eq!(leaf_after(0, act), STALE);
    }
    for level in 1..4 {
        assert_eq!(pointer_after(level, here), FRESH, "on the way");
    }
    let far: Act = |cpu, _| cpu.invpcid(of(1, GIB));
    assert_eq!(pointer_after(1, far), STALE, "not on the way");
    let from_elsewhere: Act = |_, tables| tables.cpu_under(0, 2).invpcid(of(1, PAGE));
    assert_eq!(leaf_after(0, from_elsewhere), FRESH);
}

#[test]
fn invpcid_forgets_one_space_or_all() {
    let cases: [(Act, [bool; 3]); 4] = [
        (|cpu, _| cpu.invpcid(space(1)), [true, false, true]),
        (|cpu, _| cpu.invpcid(space(2)), [false, false, false]),
        (|cpu, _| cpu.invpcid(Invalidate::Everything), [true; 3]),
        (
            |cpu, _| cpu.invpcid(Invalidate::Spaces),
            [true, false, true],
        ),
    ];
    for (act, [leaf, global, pointer]) in cases {
        let expected = |is_fresh| {
            if is_fresh {
                FRESH.to_vec()
            } else {
                STALE.to_vec()
            }
        };
        assert_eq!(leaf_after(0, act), expected(leaf));
        assert_eq!(leaf_after(G, act), expected(global));
        assert_eq!(pointer_after(2, act), expected(pointer));
    }
}

#[test]
fn invpcid_does_nothing_where_it_faults() {
    let act: Act = |cpu, _| {
        cpu.invpcid(of(1, 1 << 63));
        cpu.invpcid(space(0x1000));
    };
    assert_eq!(leaf_after(0, act), STALE);
}

#[test]
fn a_write_of_cr3_forgets_the_pcid_that_it_names_unless_bit_63_is_set() {
    let write =
        |cpu: Cpu<'_, X86_64>, tables: &Tables, bits| cpu.write_cr3(tables.root.get() | bits);
    let cases: [(Act, bool); 4] = [
        (|cpu, tables| cpu.write_cr3(tables.root.get() | 1), true),
        (|cpu, tables| cpu.write_cr3(tables.root.get() | 2), false),
        (
            |cpu, tables| cpu.write_cr3(tables.root.get() | 1 | KEEP),
            false,
        ),
        (
            |cpu, tables| cpu.write_cr3(tables.root.get() | 2 | KEEP),
            false,
        ),
    ];
    for (act, forgets) in cases {
        let expected = if forgets {
            FRESH.to_vec()
        } else {
            STALE.to_vec()
        };
        assert_eq!(leaf_after(0, act), expected);
        assert_eq!(pointer_after(1, act), expected);
        assert_eq!(leaf_after(G, act), STALE, "global ones stay");
    }
    let tables = Tables::new();
    let entry = tables.write(PAGE, 0, OLD | BITS);
    let cpu = tables.cpu(0);
    cpu.prefetch(page(PAGE));
    super::tables::write(&tables.machine, entry, NEW | BITS);
    write(cpu, &tables, 8);
    assert_eq!(
        loads(cpu, PAGE),
        FRESH,
        "without PCIDs the low bits are none"
    );
}

#[test]
fn a_change_of_pge_forgets_everything_and_so_do_the_ends_of_pcids_and_of_paging() {
    let acts: [Act; 3] = [
        |cpu, _| cpu.set_pge(false),
        |cpu, _| cpu.set_pcide(false),
        |cpu, _| cpu.set_paging(false),
    ];
    for act in acts {
        assert_eq!(leaf_after(0, act), FRESH);
        assert_eq!(leaf_after(G, act), FRESH);
        assert_eq!(pointer_after(3, act), FRESH);
    }
    assert_eq!(
        leaf_after(G, |cpu, _| cpu.set_pge(true)),
        STALE,
        "no change"
    );
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

#[test]
fn an_invalidation_is_for_one_cpu() {
    let tables = Tables::new();
    let entry = tables.write(PAGE, 0, OLD | BITS);
    let cpus = [tables.cpu(0), tables.cpu(1)];
    cpus.iter().for_each(|cpu| cpu.prefetch(page(PAGE)));
    write(&tables.machine, entry, NEW | BITS);
    cpus[0].invlpg(page(PAGE));
    assert_eq!(loads(cpus[0], PAGE), FRESH);
    assert_eq!(loads(cpus[1], PAGE), STALE);
    assert_eq!(tables.machine.stale().unwrap().cpu, 1);
}
