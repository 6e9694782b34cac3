//! A reservation takes as many frames as its edits use, and no more.

use kernel_vm::Retired;
use kernel_vm::backend::radix::{AccessedDirty, Radix};
use kernel_vm::backend::{Edit, PageTableBackend};

use super::shape::{ASID, GIB, MIB, RW, Shape, make, run, table};
use super::witness::Witness;
use crate::subject::{PAGE, area};

on_every_format! {
    a_map_reserves_what_it_uses
    a_page_that_is_unmapped_and_mapped_again_needs_nothing
    a_page_in_the_place_of_a_large_leaf_has_all_of_its_tables
}

/// Where the maps are, on both sides of a border of a gigabyte.
const NEAR: usize = GIB - 2 * MIB;

/// What is there before: nothing, pages in a table, and leaves.
const BEFORE: [&[(usize, u64, usize)]; 5] = [
    &[],
    &[(NEAR + 5 * PAGE, 0x8000_5000, PAGE)],
    &[(NEAR, 0x8020_0000, 2 * MIB)],
    &[(GIB, 0xc000_0000, GIB), (NEAR + PAGE, 0x8000_1000, PAGE)],
    &[(NEAR + 2 * MIB, 0x8020_3000, 3 * PAGE)],
];

fn furnished<F: Shape>(before: &[(usize, u64, usize)]) -> Radix<F, Witness> {
    let mut table = table::<F>(AccessedDirty::Preset);
    for &(start, first, size) in before {
        make(&mut table, Edit::Map(run(start, first, size, RW)));
    }
    table
}

fn a_map_reserves_what_it_uses<F: Shape>() {
    let runs = [
        (NEAR, 0x8040_0000, 2 * MIB),
        (NEAR, 0x8040_1000, 2 * MIB),
        (NEAR, 0x8040_0000, 6 * MIB),
        (NEAR + 3 * PAGE, 0x8040_3000, 4 * MIB),
        (NEAR + 7 * PAGE, 0x8040_0000, PAGE),
        (NEAR, GIB as u64 - 2 * MIB as u64, GIB + 4 * MIB),
        (GIB, 0x4000_1000, 16 * MIB),
        (GIB + 2 * MIB, 0x8040_1000, 3 * PAGE),
    ];
    for before in BEFORE {
        for (start, first, size) in runs {
            let table = furnished::<F>(before);
            let wanted = run(start, first, size, RW);
            let free = table.platform().in_use();
            let mut reserved = table.reserve([Edit::Map(wanted)].into_iter()).unwrap();
            let taken = table.platform().in_use() - free;
            table.map(wanted, &mut reserved);
            table.unreserve(reserved);
            let used = table.platform().in_use() - free;
            assert_eq!(taken, used, "{wanted:?} over {before:x?}");
            table.check_invariants().unwrap();
        }
    }
}

/// Unless entries must be broken before others are made, the table stays meanwhile, or comes back.
fn a_page_that_is_unmapped_and_mapped_again_needs_nothing<F: Shape>() {
    for hole in [area(NEAR + PAGE, PAGE), area(NEAR, 2 * MIB)] {
        let mut table = furnished::<F>(&[(NEAR, 0x8000_0000, 8 * PAGE)]);
        let again = run(NEAR + PAGE, 0x9000_0000, PAGE, RW);
        let free = table.platform().in_use();
        let edits = [Edit::Unmap(hole), Edit::Map(again)];
        let mut reserved = table.reserve(edits.into_iter()).unwrap();
        if F::BREAKS == 0 {
            assert_eq!(table.platform().in_use(), free, "{hole}");
        }
        let mut out = Retired::new();
        table.unmap(hole, &mut reserved, &mut out);
        if F::BREAKS > 0 {
            table.retire(std::mem::take(&mut out), ASID);
        }
        table.map_exclusive(again, &mut reserved);
        table.unreserve(reserved);
        table.retire(out, ASID);
        assert_eq!(table.platform().in_use(), free, "{hole}");
        table.check_invariants().unwrap();
    }
}

/// The leaf goes as a whole, or is split for a part of it: behind that, tables are missing that are there before.
fn a_page_in_the_place_of_a_large_leaf_has_all_of_its_tables<F: Shape>() {
    let page = GIB + 5 * MIB + 7 * PAGE;
    for hole in [
        area(GIB, GIB),
        area(page, PAGE),
        area(GIB + 2 * MIB, 6 * MIB),
        area(GIB + GIB / 2, GIB / 2),
    ] {
        let mut table = furnished::<F>(&[(GIB, 0xc000_0000, GIB)]);
        let again = run(page, 0x9000_0000, PAGE, RW);
        let free = table.platform().in_use();
        let edits = [Edit::Unmap(hole), Edit::Map(again)];
        let mut reserved = table.reserve(edits.into_iter()).unwrap();
        let taken = table.platform().in_use() - free;
        let mut out = Retired::new();
        table.unmap(hole, &mut reserved, &mut out);
        // Tables that wait stay until somebody must flush.
        if out.entries() {
            table.retire(std::mem::take(&mut out), ASID);
        }
        table.map_exclusive(again, &mut reserved);
        table.unreserve(reserved);
        table.retire(out, ASID);
        // Of the tables that were there, some may have gone for good.
        let used = table.platform().in_use().saturating_sub(free);
        assert!(taken >= used, "{hole}: {taken} are taken, {used} used");
        let is_empty = hole.contains(again.area.start());
        let expected = is_empty.then_some(again.first);
        let found = table.populated(again.area).next().map(|run| run.first);
        assert_eq!(found.filter(|_| is_empty), expected, "{hole}");
        table.check_invariants().unwrap();
    }
}
