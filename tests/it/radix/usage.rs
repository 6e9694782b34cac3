//! Accessed and dirty: who sets them, who reads and clears them.

use kernel_vm::backend::Paging;
use kernel_vm::backend::radix::{AccessedDirty, Radix, Usage};
use kernel_vm::backend::{Edit, Entry, PageTableBackend};
use kernel_vm::{Access, MemoryArea, Permissions, PhysAddr, Retired, VirtAddr};

use super::shape::{
    ASID, GIB, MIB, NONE, READ, RW, Shape, access, install, last, make, run, table, told,
};
use super::witness::{Event, Witness};
use crate::subject::{PAGE, area};

on_every_format! {
    set_accessed_refuses_what_the_leaf_does_not_allow
    set_accessed_says_that_the_page_can_be_used_now
    a_harvest_tells_of_each_leaf_once_and_clears_what_was_set
    a_harvest_of_preset_bits_finds_them_set_and_leaves_them
    a_harvest_flushes_what_was_used_and_nothing_else
    a_harvest_of_hidden_pages_needs_no_flush
    a_harvest_of_part_of_a_large_leaf_flushes_all_of_it
    frames_are_dirty_only_since_the_last_harvest
    marks_are_read_back_as_they_were_set_and_cleared
}

fn harvest<F: Shape>(table: &mut Radix<F, Witness>, area: MemoryArea) -> Vec<Usage> {
    let mut out = Retired::new();
    let mut seen = Vec::new();
    table.harvest(area, &mut out, |usage| seen.push(usage));
    table.retire(out, ASID);
    seen
}

fn used(usage: &[Usage]) -> Vec<(bool, bool)> {
    let usage = usage.iter();
    usage.map(|usage| (usage.accessed, usage.dirty)).collect()
}

fn set_accessed_refuses_what_the_leaf_does_not_allow<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Software);
    let leaf = run(0, 0x1000, PAGE, READ);
    let hidden = run(PAGE, 0x2000, PAGE, NONE);
    make(&mut table, Edit::Map(leaf));
    make(&mut table, Edit::Map(hidden));
    let words = [0, PAGE].map(|page| last(&table, page));
    table.platform().take();
    for (addr, access, found) in [
        (0xfff, Access::Write, Entry::Leaf(leaf)),
        (0, Access::Execute, Entry::Leaf(leaf)),
        (PAGE, Access::Read, Entry::Hidden(hidden)),
        (2 * PAGE, Access::Read, Entry::Empty),
        (4 * GIB, Access::Read, Entry::Empty),
        (F::LAST_LOW + 1, Access::Read, Entry::Empty),
    ] {
        let refused = table.touch(VirtAddr::new(addr), access);
        assert_eq!(refused, Err(found), "{addr:#x}");
    }
    assert_eq!([0, PAGE].map(|page| last(&table, page)), words);
    assert_eq!(table.platform().take(), []);
}

fn set_accessed_says_that_the_page_can_be_used_now<F: Shape>() {
    let table = table::<F>(AccessedDirty::Software);
    install(&table, PAGE, RW);
    table.platform().take();
    table.touch(VirtAddr::new(PAGE + 9), Access::Write).unwrap();
    let events = table.platform().take();
    let [Event::Valid(made)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(made.ranges.as_deref(), Some(&[area(PAGE, PAGE)][..]));
}

fn a_harvest_tells_of_each_leaf_once_and_clears_what_was_set<F: Shape>() {
    for policy in told::<F>() {
        let mut table = table::<F>(policy);
        for page in [0, 1, 2] {
            install(&table, page * PAGE, RW);
        }
        make(&mut table, Edit::Map(run(2 * MIB, 0x20_0000, 2 * MIB, RW)));
        access(&table, PAGE, Access::Read);
        access(&table, 2 * PAGE, Access::Write);
        access(&table, 2 * MIB, Access::Write);
        let seen = harvest(&mut table, area(0, GIB));
        let starts = seen.iter().map(|usage| usage.run.area.start().get());
        assert_eq!(starts.collect::<Vec<_>>(), [0, PAGE, 2 * PAGE, 2 * MIB]);
        let all = [(false, false), (true, false), (true, true), (true, true)];
        assert_eq!(used(&seen), all);
        let again = harvest(&mut table, area(0, GIB));
        assert_eq!(used(&again), [(false, false); 4]);
        access(&table, PAGE, Access::Read);
        let one = harvest(&mut table, area(PAGE, PAGE));
        assert_eq!(used(&one), [(true, false)]);
        table.check_invariants().unwrap();
    }
}

fn a_harvest_of_preset_bits_finds_them_set_and_leaves_them<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    install(&table, PAGE, RW);
    let before = last(&table, PAGE);
    table.platform().take();
    for _ in 0..2 {
        let seen = harvest(&mut table, area(0, GIB));
        assert_eq!(used(&seen), [(true, true)]);
    }
    assert_eq!(last(&table, PAGE), before);
    assert_eq!(table.platform().take(), [], "nothing was cleared");
}

fn a_harvest_flushes_what_was_used_and_nothing_else<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Hardware);
    for page in 0..8 {
        install(&table, page * PAGE, RW);
    }
    access(&table, 2 * PAGE, Access::Read);
    access(&table, 3 * PAGE, Access::Write);
    table.platform().take();
    harvest(&mut table, area(0, GIB));
    let flushes = table.platform().flushes();
    assert_eq!(flushes.len(), 1);
    let ranges = flushes[0].ranges.as_deref();
    assert_eq!(ranges, Some(&[area(2 * PAGE, 2 * PAGE)][..]));
    harvest(&mut table, area(0, GIB));
    assert_eq!(table.platform().take(), [], "nothing was used since");
}

fn a_harvest_of_hidden_pages_needs_no_flush<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Hardware);
    install(&table, PAGE, RW);
    access(&table, PAGE, Access::Write);
    make(
        &mut table,
        Edit::Protect(area(PAGE, PAGE), Permissions::USER),
    );
    table.platform().take();
    assert_eq!(used(&harvest(&mut table, area(0, GIB))), [(true, true)]);
    assert_eq!(table.platform().take(), [], "no TLB has it");
    assert_eq!(used(&harvest(&mut table, area(0, GIB))), [(false, false)]);
}

fn a_harvest_of_part_of_a_large_leaf_flushes_all_of_it<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Hardware);
    make(&mut table, Edit::Map(run(2 * MIB, 0x20_0000, 2 * MIB, RW)));
    access(&table, 2 * MIB, Access::Write);
    table.platform().take();
    let part = area(2 * MIB + 5 * PAGE, PAGE);
    let seen = harvest(&mut table, part);
    assert_eq!((seen[0].run.area, used(&seen)), (part, vec![(true, true)]));
    let flushes = table.platform().flushes();
    assert_eq!(
        flushes[0].ranges.as_deref(),
        Some(&[area(2 * MIB, 2 * MIB)][..]),
        "a CPU that keeps any part of it as dirty would not say so again"
    );
}

fn frames_are_dirty_only_since_the_last_harvest<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Software);
    let [one, other] = [0, 1].map(|page| install(&table, page * PAGE, RW));
    for page in [0, 1] {
        let addr = VirtAddr::new(page * PAGE);
        table.touch(addr, Access::Write).unwrap();
    }
    assert_eq!(used(&harvest(&mut table, area(0, GIB))), [(true, true); 2]);
    table.touch(VirtAddr::new(PAGE), Access::Write).unwrap();
    table.platform().take();
    make(&mut table, Edit::Unmap(area(0, 2 * PAGE)));
    let events = table.platform().take();
    for (at, dirty) in [(one, false), (other, true)] {
        assert!(events.contains(&Event::Release { at, dirty }), "{events:?}");
    }
}

/// In a word that the format itself makes: the walker may clear marks by an instruction of its own.
fn marks_are_read_back_as_they_were_set_and_cleared<F: Shape>() {
    let marks = [0, F::ACCESSED, F::DIRTY, F::ACCESSED | F::DIRTY];
    for permissions in [
        NONE,
        READ,
        RW,
        RW | Permissions::USER | Permissions::EXECUTE,
    ] {
        let new = F::leaf(PhysAddr::new(0x8020_0000), permissions.into(), 0) | F::UNUSED;
        assert_eq!(F::marks(new), 0);
        for set in marks {
            let marked = F::marked(new, set);
            assert_eq!(F::marks(marked), set, "{marked:#x}");
            for cleared in marks {
                let left = F::unmarked(marked, cleared);
                assert_eq!(F::marks(left), set & !cleared, "{left:#x}");
                assert_eq!(F::marked(left, set), marked, "nothing else has changed");
            }
        }
    }
}
