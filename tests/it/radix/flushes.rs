//! One flush a verb, none for what was never valid, and nothing left behind but the root.

use kernel_vm::backend::radix::{AccessedDirty, Radix};
use kernel_vm::backend::{Edit, PageTableBackend};
use kernel_vm::{MemoryArea, Permissions, Retired, VirtualMemoryManager};

use super::shape::{ASID, GIB, MIB, NONE, READ, RW, Shape, install, make, places, run, table};
use super::witness::{Event, Witness};
use crate::subject::{PAGE, area, map};

on_every_format! {
    every_verb_flushes_once_and_unmapping_everything_leaves_the_root
    what_was_never_valid_is_never_flushed
    showing_hidden_pages_beside_others_flushes_nothing
    a_hidden_leaf_is_broken_only_where_its_own_flush_is_due
    permissions_that_are_there_already_are_not_flushed
    many_ranges_are_named_until_there_are_too_many
    pages_are_announced_when_they_are_there_and_code_before
    a_split_makes_nothing_valid_that_was_not
    unmapping_256_gib_costs_its_tables_and_not_its_pages
}

fn every_verb_flushes_once_and_unmapping_everything_leaves_the_root<F: Shape>() {
    const SIZE: usize = 64 * MIB;
    let backend = Radix::<F, _>::new(Witness::new(128)).unwrap();
    let platform = backend.platform().clone();
    let mut space = VirtualMemoryManager::<_>::new(backend);
    // At its second place, the latter is large leaves, of which one is split.
    for (first, tables, split) in [(0x8000_1000, 33, 0), (0x8020_0000, 1, 1)] {
        space.add_memory_map(map(MIB, first, SIZE, RW)).unwrap();
        space.populate(area(MIB, SIZE)).unwrap();
        assert!(platform.in_use() >= tables);
        assert_eq!(platform.flushes(), [], "nothing was valid before");
        space.protect(area(MIB, SIZE), READ).unwrap();
        assert_eq!(platform.flushes().len(), 1);
        space.remap(area(MIB, SIZE), area(GIB, SIZE)).unwrap();
        assert_eq!(platform.flushes().len(), 1);
        space
            .replace_memory_map(map(GIB, 0x9000_0000, MIB, RW))
            .unwrap();
        assert_eq!(platform.flushes().len(), 1 + split * F::BREAKS);
        space.unmap(area(0, 2 * GIB)).unwrap();
        let flushes = platform.flushes();
        assert_eq!(flushes.len(), 1);
        assert!(flushes[0].tables);
        assert_eq!(platform.in_use(), 1, "the root");
        space.unmap(area(0, 2 * GIB)).unwrap();
        assert_eq!(platform.flushes(), [], "nothing was there");
    }
}

fn what_was_never_valid_is_never_flushed<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    make(&mut table, Edit::Map(run(0, 0x1000, PAGE, RW)));
    for size in [PAGE, 2 * MIB, GIB] {
        let hidden = run(size, 0xc000_0000, size, NONE);
        make(&mut table, Edit::Map(hidden));
        let nothing = [hidden.area, area(4 * GIB, GIB)];
        make(&mut table, Edit::Protect(nothing[0], Permissions::USER));
        make(&mut table, Edit::Protect(nothing[1], READ));
        if size == PAGE {
            // The table stays, for its neighbour.
            make(&mut table, Edit::Unmap(hidden.area));
        }
        let events = table.platform().take();
        let flushes = events
            .iter()
            .filter(|event| matches!(event, Event::Flush(_)));
        assert_eq!(flushes.count(), 0, "{size:#x}: {events:?}");
        make(&mut table, Edit::Unmap(nothing[0]));
        table.platform().take();
    }
}

fn showing_hidden_pages_beside_others_flushes_nothing<F: Shape>() {
    for policy in [AccessedDirty::Preset, AccessedDirty::Hardware] {
        let mut table = table::<F>(policy);
        make(&mut table, Edit::Map(run(0, 0x1000, 32 * PAGE, RW)));
        make(
            &mut table,
            Edit::Map(run(32 * PAGE, 0x90_0000, 33 * PAGE, NONE)),
        );
        table.platform().take();
        make(&mut table, Edit::Protect(area(0, 65 * PAGE), RW));
        assert_eq!(
            table.platform().flushes(),
            [],
            "those that were valid are as they were"
        );
        make(&mut table, Edit::Protect(area(0, 65 * PAGE), READ));
        assert_eq!(table.platform().flushes().len(), 1);
    }
}

/// What is flushed before the end of a verb that cuts a page out of a hidden leaf.
fn a_hidden_leaf_is_broken_only_where_its_own_flush_is_due<F: Shape>() {
    for (due, breaks) in [(16 * MIB, 0), (2 * MIB, F::BREAKS)] {
        let mut table = table::<F>(AccessedDirty::Preset);
        for start in [2 * MIB, 16 * MIB] {
            make(&mut table, Edit::Map(run(start, start as u64, 2 * MIB, RW)));
        }
        let other = 18 * MIB - due;
        make(&mut table, Edit::Protect(area(other, 2 * MIB), NONE));
        let edits = [
            Edit::Protect(area(due, 2 * MIB), NONE),
            Edit::Unmap(area(2 * MIB, PAGE)),
        ];
        let mut reserved = table.reserve(edits.into_iter()).unwrap();
        let mut out = Retired::new();
        table.protect(area(due, 2 * MIB), NONE, &mut reserved, &mut out);
        table.platform().take();
        table.unmap(area(2 * MIB, PAGE), &mut reserved, &mut out);
        assert_eq!(table.platform().flushes().len(), breaks, "due at {due:#x}");
        table.unreserve(reserved);
        table.retire(out, ASID);
        table.check_invariants().unwrap();
    }
}

fn permissions_that_are_there_already_are_not_flushed<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    for size in [PAGE, 2 * MIB, GIB] {
        make(&mut table, Edit::Map(run(size, 0xc000_0000, size, RW)));
        table.platform().take();
        make(&mut table, Edit::Protect(area(size, size), RW));
        // Of a part: nothing is split, either.
        let frames = table.platform().in_use();
        make(&mut table, Edit::Protect(area(size, PAGE), RW));
        assert_eq!(table.platform().take(), []);
        assert_eq!(table.platform().in_use(), frames);
    }
}

/// What is flushed when these areas are unmapped in one verb.
fn together<F: Shape>(
    table: &mut Radix<F, Witness>,
    areas: &[MemoryArea],
) -> Option<Vec<MemoryArea>> {
    let mut none = Default::default();
    let mut out = Retired::new();
    for &area in areas {
        table.unmap(area, &mut none, &mut out);
    }
    table.platform().take();
    table.retire(out, ASID);
    let mut flushes = table.platform().flushes();
    assert_eq!((flushes.len(), flushes[0].asid), (1, Some(ASID)));
    flushes.remove(0).ranges
}

fn many_ranges_are_named_until_there_are_too_many<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let single = |page: usize| area(page * PAGE, PAGE);
    for (pages, ranges) in [
        // Apart: each by itself, up to four.
        (
            &[2, 4, 6, 8][..],
            Some(vec![single(2), single(4), single(6), single(8)]),
        ),
        (&[2, 4, 6, 8, 10], None),
        // Touching, in any order: one.
        (&[2, 4, 3], Some(vec![area(2 * PAGE, 3 * PAGE)])),
        (&[5, 4, 3, 2, 1, 6], Some(vec![area(PAGE, 6 * PAGE)])),
    ] {
        make(&mut table, Edit::Map(run(0, 0x1000, 16 * PAGE, RW)));
        let areas: Vec<_> = pages.iter().map(|&page| single(page)).collect();
        let mut flushed = together(&mut table, &areas);
        if let Some(areas) = &mut flushed {
            areas.sort_by_key(|area| area.start());
        }
        assert_eq!(flushed, ranges, "{pages:?}");
        assert_eq!(
            table.populated(area(0, 16 * PAGE)).count(),
            16 - pages.len()
        );
    }
    // Past the limit, frames go back all the same: more places than can be named.
    let pages = [20, 40, 60, 80, 100, 120, 140].map(|page| page * PAGE);
    for page in pages {
        install(&table, page, RW);
    }
    let frames = table.platform().in_use();
    assert_eq!(
        together(&mut table, &pages.map(|page| area(page, PAGE))),
        None
    );
    assert_eq!(table.platform().in_use(), frames - pages.len());
    table.check_invariants().unwrap();
}

fn pages_are_announced_when_they_are_there_and_code_before<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let code = READ | Permissions::EXECUTE;
    make(&mut table, Edit::Map(run(0, 0x1000, PAGE, RW)));
    let platform = table.platform().clone();
    platform.watch(places(&table, PAGE).pop().unwrap());
    platform.take();
    let valid = |word: u64| word & 1 != 0;
    let executable = |word: u64| valid(word) && F::allows(word).contains(Permissions::EXECUTE);
    make(&mut table, Edit::Map(run(PAGE, 0x2000, PAGE, code)));
    let events = platform.take_watched();
    assert!(
        matches!(events[..], [(Event::Code(_), then), (Event::Valid(_), now)] if !valid(then) && valid(now)),
        "{events:?}"
    );
    make(&mut table, Edit::Protect(area(PAGE, PAGE), NONE));
    platform.take();
    make(&mut table, Edit::Protect(area(PAGE, PAGE), RW));
    let events = platform.take_watched();
    assert!(
        matches!(events[..], [(Event::Valid(_), now)] if valid(now)),
        "{events:?}"
    );
    make(&mut table, Edit::Protect(area(PAGE, PAGE), code));
    let events = platform.take_watched();
    assert!(
        matches!(events[..], [(Event::Code(_), then), (Event::Flush(_), now)] if !executable(then) && executable(now)),
        "{events:?}"
    );
    // What could be executed before is not told of again, nor is what is not there.
    let more = code | Permissions::USER;
    make(&mut table, Edit::Protect(area(PAGE, 8 * PAGE), more));
    let events = platform.take_watched();
    assert!(matches!(events[..], [(Event::Flush(_), _)]), "{events:?}");
    make(&mut table, Edit::Unmap(area(PAGE, PAGE)));
    let events = platform.take_watched();
    assert!(
        matches!(events[..], [(Event::Flush(_), now)] if !valid(now)),
        "{events:?}"
    );
}

/// Unless the leaf is broken first, every entry allows what it allowed before.
fn a_split_makes_nothing_valid_that_was_not<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    for permissions in [RW, NONE] {
        make(
            &mut table,
            Edit::Map(run(0, 0x8000_0000, 2 * MIB, permissions)),
        );
        table.platform().take();
        make(&mut table, Edit::Unmap(area(PAGE, PAGE)));
        let events = table.platform().take();
        let is_told = events.iter().any(|event| matches!(event, Event::Valid(_)));
        assert_eq!(is_told, F::BREAKS > 0 || permissions == NONE, "{events:?}");
        make(&mut table, Edit::Unmap(area(0, 2 * MIB)));
    }
}

fn unmapping_256_gib_costs_its_tables_and_not_its_pages<F: Shape>() {
    const SIZE: usize = 256 * GIB;
    let reached = |pages: usize| {
        let mut table = table::<F>(AccessedDirty::Preset);
        for place in 0..16 {
            let start = place * 16 * GIB;
            make(&mut table, Edit::Map(run(start, 0x1000, pages * PAGE, RW)));
        }
        let tables = table.platform().in_use();
        table.platform().reached();
        make(&mut table, Edit::Unmap(area(0, SIZE)));
        assert_eq!(table.platform().in_use(), 1);
        (tables, table.platform().reached())
    };
    let (tables, sparse) = reached(1);
    assert_eq!((tables, sparse), reached(511), "511 pages in each table");
    assert!(sparse <= 4 * tables, "{sparse} looks at {tables} tables");
    let mut empty = table::<F>(AccessedDirty::Preset);
    empty.platform().reached();
    make(&mut empty, Edit::Unmap(area(0, SIZE)));
    assert!(empty.platform().reached() <= 4, "nothing is there");
}
