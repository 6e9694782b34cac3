//! The verbs of a page table, and how many frames each may leak.

use std::mem::take;

use kernel_vm::backend::Paging;
use kernel_vm::backend::{Edit, PageTableBackend, Run};
use kernel_vm::{Access, FrameAllocator, MemoryArea, Permissions, VirtAddr};

use super::stage::{ASID, GIB, MIB, NONE, RW, RX, Stage, allowing, run};
use super::strike::{Leaks, Verb};
use crate::radix::shape::Shape;
use crate::subject::{PAGE, area};

pub fn do_nothing<F: Shape>(_stage: &mut Stage<F>) {}

/// Code across the border of two tables, where none is.
pub fn code() -> Run {
    run(20 * GIB - 2 * PAGE, 64 * MIB, 4 * MIB, RX)
}

pub const ALL_LOW: usize = 8 * GIB;

/// Where there are pages of the table's own: in a table of their own.
pub fn own_table() -> MemoryArea {
    area(4 * MIB, 2 * MIB)
}

pub fn elsewhere(area: MemoryArea) -> MemoryArea {
    MemoryArea::from_start_size(area.start().checked_add(20 * GIB).unwrap(), area.size()).unwrap()
}

pub fn shifts<F: Shape>(stage: &mut Stage<F>, from: MemoryArea) {
    let to = elsewhere(from);
    stage.reserve(&[Edit::Shift { from, to }, Edit::Unmap(from)]);
}

pub fn shift<F: Shape>(stage: &mut Stage<F>, from: MemoryArea) {
    let (with, out) = (&mut stage.with, &mut stage.out);
    stage.table.shift(from, elsewhere(from), with, out);
    stage.table.unmap(from, with, out);
}

pub fn edit<F: Shape>(stage: &mut Stage<F>, edit: Edit) {
    stage.table.edit(edit, ASID).unwrap();
}

pub fn exchange<F: Shape>(stage: &mut Stage<F>, page: usize, permissions: Permissions) {
    let old = stage.leaf(page);
    let frame = stage.frame.take().unwrap();
    let back = stage
        .table
        .exchange(old, frame, allowing(permissions), ASID);
    stage.frame = back.unwrap().map(|back| back.frame);
}

pub fn a_frame<F: Shape>(stage: &mut Stage<F>) {
    stage.frame = stage.platform.alloc();
}

/// Verbs that only add, or change a word.
pub fn shared<F: Shape>() -> Vec<Verb<F>> {
    vec![
        Verb {
            name: "map",
            before: |stage| stage.reserve(&[Edit::Map(code())]),
            verb: |stage| stage.table.map(code(), &mut stage.with),
            leaks: Leaks::of([0, 0, 0, 0, 0, 3]),
        },
        Verb {
            name: "reserve and unreserve",
            before: do_nothing,
            verb: |stage| {
                stage.reserve(&[Edit::Map(code())]);
                stage.table.unreserve(take(&mut stage.with));
            },
            leaks: Leaks::of([0, 0, 0, 5, 5, 5]),
        },
        Verb {
            name: "install",
            before: |stage| {
                a_frame(stage);
                stage.reserve(&[Edit::Map(run(20 * GIB, 0, PAGE, RX))]);
            },
            verb: |stage| {
                let frame = stage.frame.take().unwrap();
                let page = VirtAddr::new(20 * GIB);
                let with = &mut stage.with;
                stage
                    .table
                    .install(page, frame, allowing(RX), with)
                    .unwrap();
            },
            leaks: Leaks::of([0, 0, 1, 0, 0, 3]),
        },
        Verb {
            name: "install in a table",
            before: a_frame,
            verb: |stage| {
                let frame = stage.frame.take().unwrap();
                let page = VirtAddr::new(6 * PAGE);
                let with = &mut stage.with;
                stage
                    .table
                    .install(page, frame, allowing(RX), with)
                    .unwrap();
            },
            leaks: Leaks::of([0, 0, 1, 0, 0, 1]),
        },
        Verb {
            name: "exchange",
            before: a_frame,
            verb: |stage| exchange(stage, 8 * PAGE, RX),
            leaks: Leaks::of([1, 1, 1, 0, 0, 1]),
        },
        Verb {
            name: "exchange of what is hidden",
            before: a_frame,
            verb: |stage| exchange(stage, 1026 * PAGE, RW),
            leaks: Leaks::of([0, 1, 0, 0, 0, 1]),
        },
        Verb {
            name: "exchange of physical memory",
            before: a_frame,
            verb: |stage| exchange(stage, PAGE, NONE),
            leaks: Leaks::of([1, 0, 0, 0, 0, 1]),
        },
        Verb {
            name: "set_accessed",
            before: do_nothing,
            verb: |stage| {
                let page = VirtAddr::new(8 * PAGE);
                stage.table.touch(page, Access::Write).unwrap();
            },
            leaks: Leaks::of([0, 0, 0, 0, 0, 0]),
        },
    ]
}

/// Verbs that have the page table to themselves.
pub fn exclusive<F: Shape>() -> Vec<Verb<F>> {
    vec![
        Verb {
            name: "map_exclusive",
            before: |stage| stage.reserve(&[Edit::Map(code())]),
            verb: |stage| stage.table.map_exclusive(code(), &mut stage.with),
            leaks: Leaks::of([0, 0, 0, 0, 0, 3]),
        },
        Verb {
            name: "map_exclusive where a table waits",
            before: |stage| {
                stage.reserve(&[Edit::Unmap(area(0, GIB)), Edit::Map(code())]);
                stage.unmap(area(0, GIB));
            },
            verb: |stage| {
                let again = run(4 * MIB - PAGE, 4 * MIB, 2 * MIB + 2 * PAGE, RX);
                stage.table.map_exclusive(again, &mut stage.with);
            },
            leaks: Leaks::of([0, 0, 0, 0, 0, 1]),
        },
        Verb {
            name: "unmap",
            before: |stage| stage.reserve(&[Edit::Unmap(area(9 * PAGE, GIB))]),
            verb: |stage| stage.unmap(area(9 * PAGE, GIB)),
            leaks: Leaks::of([0, 0, 0, 0, 0, 1]).where_broken([1, 0, 0, 0, 0, 1]),
        },
        Verb {
            name: "unmap without a reservation",
            before: do_nothing,
            verb: |stage| stage.unmap(area(GIB + PAGE, PAGE)),
            leaks: Leaks::of([0, 0, 0, 0, 0, 0]),
        },
        Verb {
            name: "protect",
            before: |stage| stage.reserve(&[Edit::Protect(area(7 * PAGE, GIB), RX)]),
            verb: |stage| {
                let (with, out) = (&mut stage.with, &mut stage.out);
                stage.table.protect(area(7 * PAGE, GIB), RX, with, out);
            },
            leaks: Leaks::of([0, 0, 0, 0, 0, 1]).where_broken([1, 0, 0, 0, 0, 1]),
        },
        Verb {
            name: "shift of pages of its own",
            before: |stage| shifts(stage, own_table()),
            verb: |stage| shift(stage, own_table()),
            leaks: Leaks::of([0, 0, 0, 0, 0, 3]),
        },
        Verb {
            name: "shift of all sorts of pages",
            before: |stage| shifts(stage, area(2 * PAGE, GIB)),
            verb: |stage| shift(stage, area(2 * PAGE, GIB)),
            leaks: Leaks::of([0, 0, 0, 0, 0, 2]).where_broken([1, 0, 0, 0, 0, 2]),
        },
        Verb {
            name: "shift without a reservation",
            before: do_nothing,
            verb: |stage| shift(stage, own_table()),
            leaks: Leaks::of([0, 0, 0, 0, 0, 1]),
        },
        Verb {
            name: "harvest",
            before: |stage| {
                let page = VirtAddr::new(8 * PAGE);
                stage.table.touch(page, Access::Write).unwrap();
            },
            verb: |stage| {
                let out = &mut stage.out;
                stage.table.harvest(area(0, ALL_LOW), out, |_| ());
            },
            leaks: Leaks::of([0, 0, 0, 0, 0, 0]),
        },
        Verb {
            name: "retire",
            before: |stage| stage.unmap(area(0, 2 * GIB)),
            verb: Stage::retire,
            leaks: Leaks::of([0, 0, 0, 0, 9, 9]).deeper([0, 0, 0, 0, 1, 1]),
        },
        Verb {
            name: "retire of pages in a table",
            before: |stage| stage.unmap(area(8 * PAGE, 3 * PAGE)),
            verb: Stage::retire,
            leaks: Leaks::of([0, 0, 0, 0, 1, 0]),
        },
        Verb {
            name: "retire after a dropped one",
            before: |stage| {
                stage.unmap(own_table());
                drop(take(&mut stage.out));
                stage.unmap(area(8 * PAGE, 3 * PAGE));
            },
            verb: Stage::retire,
            leaks: Leaks::of([0, 0, 0, 0, 4, 4]),
        },
    ]
}

/// Edits in one call.
pub fn edits<F: Shape>() -> Vec<Verb<F>> {
    vec![
        Verb {
            name: "edit: map",
            before: do_nothing,
            verb: |stage| edit(stage, Edit::Map(code())),
            leaks: Leaks::of([0, 0, 5, 5, 0, 5]),
        },
        Verb {
            name: "edit: map of a page",
            before: do_nothing,
            verb: |stage| edit(stage, Edit::Map(run(6 * PAGE, 0x1000, PAGE, RW))),
            leaks: Leaks::of([0, 0, 0, 0, 0, 0]),
        },
        Verb {
            name: "edit: unmap",
            before: do_nothing,
            verb: |stage| edit(stage, Edit::Unmap(area(9 * PAGE, GIB))),
            leaks: Leaks::of([0, 0, 0, 2, 4, 4]).where_broken([2, 1, 0, 2, 4, 4]),
        },
        Verb {
            name: "edit: unmap of a page",
            before: do_nothing,
            verb: |stage| edit(stage, Edit::Unmap(area(PAGE, PAGE))),
            leaks: Leaks::of([0, 0, 0, 0, 0, 0]),
        },
        Verb {
            name: "edit: unmap of a page of its own",
            before: do_nothing,
            verb: |stage| edit(stage, Edit::Unmap(area(8 * PAGE, PAGE))),
            leaks: Leaks::of([0, 0, 0, 0, 1, 0]),
        },
        Verb {
            name: "edit: protect",
            before: do_nothing,
            verb: |stage| edit(stage, Edit::Protect(area(7 * PAGE, GIB), RX)),
            leaks: Leaks::of([0, 2, 2, 2, 0, 2]).where_broken([2, 2, 2, 2, 0, 2]),
        },
        Verb {
            name: "edit: shift",
            before: do_nothing,
            verb: |stage| {
                let from = area(2 * PAGE, GIB);
                let to = elsewhere(from);
                edit(stage, Edit::Shift { from, to });
            },
            leaks: Leaks::of([0, 5, 0, 7, 1, 7]).where_broken([2, 5, 0, 7, 1, 7]),
        },
    ]
}
