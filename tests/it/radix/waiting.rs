//! What was taken out waits in the page table itself, whatever becomes of the `Retired` that says so.

use std::sync::Barrier;
use std::thread;

use kernel_vm::backend::Paging;
use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::radix::{AccessedDirty, Format, Radix, Reserved};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{FrameAllocator, MemoryArea, PhysAddr, Platform, Retired, VirtAddr};

use super::shape::{
    ASID, GIB, MIB, RW, Shape, allowing, install, make, policy, run, table, try_install,
};
use super::witness::{Event, Witness};
use crate::subject::{PAGE, area};

on_every_format! {
    a_dropped_retired_is_settled_by_the_next
    a_dropped_retired_is_settled_by_an_edit
    a_dropped_retired_is_settled_beside_others
    a_dropped_retired_is_settled_by_the_drop
    a_leaf_of_the_root_that_was_taken_out_is_flushed_by_the_drop
    nobody_maps_or_installs_where_a_table_waits
    frames_are_in_one_place_when_cpus_come_to_a_table_that_waits
    what_is_given_back_was_flushed_whatever_the_retired_says
    a_retired_of_another_page_table_gives_nothing_back_unflushed
    nothing_is_published_where_nothing_could_be_mapped_again
    what_waits_is_sound
}

/// Empties `area`, and loses what is to be retired.
fn lose<F: Format, P: Platform>(table: &mut Radix<F, P>, area: MemoryArea) {
    let mut out = Retired::new();
    table.unmap(area, &mut Reserved::default(), &mut out);
    assert!(!out.is_empty());
    drop(out);
}

/// What is released, each after a flush of the whole of `wanted`, under any ASID or (if given) this.
fn flushed_first(events: &[Event], wanted: MemoryArea) -> usize {
    let mut is_flushed = false;
    let mut released = 0;
    for event in events {
        match event {
            Event::Flush(told) => {
                let ranges = told.ranges.as_ref();
                is_flushed |=
                    ranges.is_none_or(|all| all.iter().any(|range| range.contains_area(wanted)));
            }
            Event::Release { .. } => {
                assert!(is_flushed, "{events:?}");
                released += 1;
            }
            Event::Valid(_) | Event::Code(_) => {}
        }
    }
    released
}

/// Two owned pages in a table of their own, which waits; and another page far away.
fn waiting<F: Shape>(accessed_dirty: AccessedDirty) -> Radix<F, Witness> {
    let mut table = table::<F>(accessed_dirty);
    for page in [2 * MIB, 2 * MIB + PAGE, 64 * MIB] {
        install(&table, page, RW);
    }
    lose(&mut table, area(2 * MIB, 2 * MIB));
    table.platform().take();
    table
}

fn a_dropped_retired_is_settled_by_the_next<F: Shape>() {
    for &accessed_dirty in F::POLICIES {
        let mut table = waiting::<F>(accessed_dirty);
        table.retire(Retired::new(), ASID);
        let events = table.platform().take();
        assert_eq!(flushed_first(&events, area(2 * MIB, 2 * PAGE)), 3);
        assert!(
            matches!(&events[0], Event::Flush(told) if told.asid.is_none() && told.tables),
            "the verb that was lost may have had another ASID: {events:?}"
        );
        table.check_invariants().unwrap();
        table.retire(Retired::new(), ASID);
        assert_eq!(table.platform().take(), [], "nothing is owed any more");
    }
}

fn a_dropped_retired_is_settled_by_an_edit<F: Shape>() {
    let mut table = waiting::<F>(AccessedDirty::Preset);
    make(&mut table, Edit::Unmap(area(64 * MIB, PAGE)));
    let events = table.platform().take();
    assert_eq!(
        flushed_first(&events, area(2 * MIB, 2 * PAGE)),
        3 + F::DEPTH - 1 + 1
    );
    assert_eq!(table.platform().in_use(), 1);
    table.check_invariants().unwrap();
}

/// Under `&self`, by somebody who tells of another edit alone.
fn a_dropped_retired_is_settled_beside_others<F: Shape>() {
    for &accessed_dirty in F::POLICIES {
        let mut table = waiting::<F>(accessed_dirty);
        let mut out = Retired::new();
        table.unmap(area(64 * MIB, PAGE), &mut Reserved::default(), &mut out);
        table.settle(&out, ASID);
        let events = table.platform().take();
        // The pages and all tables but the root, and none before all was flushed, whatever ASID the lost verb had.
        assert!(flushed_first(&events, area(2 * MIB, 2 * PAGE)) >= 5);
        assert_eq!(table.platform().in_use(), 1);
        assert!(
            matches!(&events[0], Event::Flush(told) if told.asid.is_none()),
            "{events:?}"
        );
        table.settle(&Retired::new(), ASID);
        assert_eq!(table.platform().take(), [], "nothing is owed any more");
        table.check_invariants().unwrap();
    }
}

fn a_dropped_retired_is_settled_by_the_drop<F: Shape>() {
    let table = waiting::<F>(AccessedDirty::Preset);
    let platform = table.platform().clone();
    drop(table);
    let events = platform.take();
    assert_eq!(
        flushed_first(&events, area(2 * MIB, 2 * PAGE)),
        3 + F::DEPTH + 1
    );
    assert_eq!(platform.in_use(), 0);
}

fn a_leaf_of_the_root_that_was_taken_out_is_flushed_by_the_drop<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    make(&mut table, Edit::Map(run(GIB, GIB as u64, GIB, RW)));
    lose(&mut table, area(GIB, GIB));
    let platform = table.platform().clone();
    platform.take();
    drop(table);
    let released = flushed_first(&platform.take(), area(GIB, GIB));
    assert_eq!(released, F::DEPTH - 2);
    assert_eq!(platform.in_use(), 0);
}

fn nobody_maps_or_installs_where_a_table_waits<F: Shape>() {
    let mut table = waiting::<F>(AccessedDirty::Preset);
    let before = table.platform().in_use();
    for page in [2 * MIB, 2 * MIB + 5 * PAGE] {
        let frame = table.platform().alloc().unwrap();
        let at = frame.addr();
        let lost = try_install(&table, page, frame, RW).unwrap().unwrap_err();
        assert_eq!((lost.found(), lost.error()), (Some(Entry::Busy), None));
        let frame = lost.into_frame();
        assert_eq!(frame.addr(), at);
        table.platform().release(frame, false);
        let wanted = run(page, 0x1000, PAGE, RW);
        let mut reserved = table.reserve([Edit::Map(wanted)].into_iter()).unwrap();
        table.map(wanted, &mut reserved);
        table.unreserve(reserved);
        assert_eq!(table.entry(VirtAddr::new(page)), Entry::Busy);
        assert_eq!(table.translate(VirtAddr::new(page)), None);
    }
    assert_eq!(table.populated(area(0, 64 * MIB)).next(), None);
    assert_eq!(table.platform().in_use(), before);
    table.retire(Retired::new(), ASID);
    install(&table, 2 * MIB, RW);
    make(&mut table, Edit::Unmap(area(0, GIB)));
    assert_eq!(table.platform().in_use(), 1);
}

/// The frame that is at `page`, if one is.
fn leaf<F: Shape>(table: &Radix<F, HostFrames>, page: usize) -> Option<Run> {
    match table.entry(VirtAddr::new(page)) {
        Entry::Leaf(run) => Some(run),
        _ => None,
    }
}

/// One CPU after the other installs pages, and both exchange one again and again: a frame that comes back is released,
/// so a second that comes back with its address is a double free.
fn frames_are_in_one_place_when_cpus_come_to_a_table_that_waits<F: Shape>() {
    const ROUNDS: usize = 200;
    for _ in 0..ROUNDS {
        let features = policy(AccessedDirty::Preset);
        let mut table = Radix::<F, _>::with_features(HostFrames::new(256), features).unwrap();
        for page in 0..64 {
            install(&table, 2 * MIB + page * PAGE, RW);
        }
        lose(&mut table, area(2 * MIB, 2 * MIB));
        let start = Barrier::new(3);
        let frames = table.platform();
        let page = 2 * MIB;
        thread::scope(|scope| {
            for cpu in 0..2 {
                let (start, table) = (&start, &table);
                scope.spawn(move || {
                    start.wait();
                    for other in 0..4 {
                        let frame = frames.alloc().unwrap();
                        let wanted = page + (4 * cpu + other) % 5 * PAGE;
                        if let Err(lost) = try_install(table, wanted, frame, RW).unwrap() {
                            frames.release(lost.into_frame(), false);
                        }
                    }
                });
            }
            start.wait();
            for _ in 0..20 {
                let Some(old) = leaf(&table, page) else {
                    continue;
                };
                let frame = frames.alloc().unwrap();
                let back = match table.exchange(old, frame, allowing(RW), ASID) {
                    Ok(back) => back.unwrap().frame,
                    Err(lost) => lost.into_frame(),
                };
                frames.release(back, false);
            }
        });
        table.retire(Retired::new(), ASID);
        table.check_invariants().unwrap();
        make(&mut table, Edit::Unmap(area(0, 16 * MIB)));
        assert_eq!(table.platform().frames_in_use(), 1);
    }
}

fn what_is_given_back_was_flushed_whatever_the_retired_says<F: Shape>() {
    for size in [PAGE, 2 * MIB] {
        let mut table = table::<F>(AccessedDirty::Preset);
        for page in [2 * MIB, 2 * MIB + PAGE, 64 * MIB] {
            install(&table, page, RW);
        }
        lose(&mut table, area(2 * MIB, size));
        table.platform().take();
        let mut forged = Retired::new();
        forged.note_waiting(area(0, GIB));
        assert!(!forged.needs_flush());
        table.retire(forged, ASID);
        let events = table.platform().take();
        let released = flushed_first(&events, area(2 * MIB, PAGE));
        assert_eq!(released, if size == PAGE { 1 } else { 3 });
        table.check_invariants().unwrap();
    }
}

fn a_retired_of_another_page_table_gives_nothing_back_unflushed<F: Shape>() {
    let [mut one, mut two] = [(); 2].map(|()| table::<F>(AccessedDirty::Preset));
    let mut outs = [&mut one, &mut two].map(|table| {
        install(table, 2 * MIB, RW);
        install(table, 64 * MIB, RW);
        let mut out = Retired::new();
        table.unmap(area(2 * MIB, 2 * MIB), &mut Reserved::default(), &mut out);
        table.platform().take();
        out
    });
    outs[1].note(area(GIB, PAGE));
    let [first, second] = outs;
    for (table, out) in [(&mut one, second), (&mut two, first)] {
        table.retire(out, ASID);
        let events = table.platform().take();
        assert_eq!(flushed_first(&events, area(2 * MIB, PAGE)), 2);
        table.check_invariants().unwrap();
    }
}

fn nothing_is_published_where_nothing_could_be_mapped_again<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    install(&table, 2 * MIB, RW);
    install(&table, 64 * GIB, RW);
    let mut out = Retired::new();
    table.unmap(area(0, GIB), &mut Reserved::default(), &mut out);
    let frames = table.platform().in_use();
    // There is a table to map it below, and none to map it in.
    let wanted = run(16 * MIB, 0x1000, PAGE, RW);
    table.platform().take();
    table.map_exclusive(wanted, &mut Reserved::default());
    assert_eq!(table.platform().take(), [], "nothing was made");
    assert_eq!(table.translate(VirtAddr::new(16 * MIB)), None);
    table.check_invariants().unwrap();
    // Where a table waits, it is there to be filled.
    let again = run(2 * MIB + PAGE, 0x1000, PAGE, RW);
    table.map_exclusive(again, &mut Reserved::default());
    let leads = table.translate(VirtAddr::new(2 * MIB + PAGE));
    assert_eq!(leads, Some(PhysAddr::new(0x1000)));
    assert_eq!(table.platform().in_use(), frames);
    table.retire(out, ASID);
    table.check_invariants().unwrap();
    assert_eq!(table.platform().in_use(), frames - 1, "the frame went");
    make(&mut table, Edit::Unmap(area(0, 128 * GIB)));
    assert_eq!(table.platform().in_use(), 1);
}

fn what_waits_is_sound<F: Shape>() {
    let mut table = waiting::<F>(AccessedDirty::Software);
    table.check_invariants().unwrap();
    // A page in a table that stays.
    install(&table, 64 * MIB + PAGE, RW);
    lose(&mut table, area(64 * MIB, PAGE));
    table.check_invariants().unwrap();
    table.retire(Retired::new(), ASID);
    table.check_invariants().unwrap();
}
