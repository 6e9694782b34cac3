//! 'Operations that Invalidate TLBs and Paging-Structure Caches': which instruction forgets what.

use kernel_vm::backend::mock::machine::{Cpu, Invalidate, X86_64};
use kernel_vm::{Asid, VirtAddr};

use super::tables::{A, Answer, D, G, KEEP, P, RW, Tables, loads, read, write};

const GIB: usize = 1 << 30;
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
