//! Every n-th frame allocation fails, for every edit in one call and for frames that are installed.

use kernel_vm::backend::radix::{AccessedDirty, Radix};
use kernel_vm::backend::{Edit, PageTableBackend, Run};
use kernel_vm::{FrameAllocator, MapError};

use super::shape::{ASID, GIB, MIB, READ, RW, Shape, far, install, make, run, table, try_install};
use super::witness::Witness;
use crate::subject::{PAGE, area, leaves};

on_every_format! {
    a_failed_allocation_leaves_entries_tables_and_allocator_as_they_were
    an_edit_needs_no_more_than_it_says
    installing_fails_whole_and_gives_the_reservation_back
    a_run_where_nothing_is_takes_what_it_says
}

/// A gigapage, a megapage, small pages, and pages that the table owns.
fn furnished<F: Shape>() -> Radix<F, Witness> {
    let mut table = table::<F>(AccessedDirty::Preset);
    make(&mut table, Edit::Map(run(GIB, 0x4000_0000, GIB, RW)));
    make(&mut table, Edit::Map(run(2 * MIB, 0x20_0000, 2 * MIB, RW)));
    make(&mut table, Edit::Map(run(PAGE, 0x1000, 4 * PAGE, RW)));
    for page in [8, 9, 10] {
        install(&table, page * PAGE, RW);
    }
    table.platform().take();
    table
}

/// Edits, and how many tables each needs: counted by hand, for tables of 512 entries.
fn edits<F: Shape>() -> Vec<(usize, Edit)> {
    // Nothing is there but its entry in the root.
    let above = far::<F>() + GIB;
    let way = F::DEPTH - 1;
    vec![
        (way, Edit::Map(run(above, 0x1000, PAGE, READ))),
        (
            way + 2,
            Edit::Map(run(above - PAGE, 0x1000, 2 * PAGE, READ)),
        ),
        (way - 2, Edit::Map(run(above, 0x4000_0000, GIB, READ))),
        (2, Edit::Unmap(area(GIB + PAGE, PAGE))),
        (3, Edit::Unmap(area(GIB + PAGE, 8 * MIB))),
        (2, Edit::Protect(area(GIB + 7 * PAGE, PAGE), READ)),
        (1, Edit::Protect(area(GIB + 2 * MIB, 2 * MIB), READ)),
        (0, Edit::Unmap(area(0, 4 * GIB))),
        (
            way,
            Edit::Shift {
                from: area(8 * PAGE, 3 * PAGE),
                to: area(above, 3 * PAGE),
            },
        ),
        // Two tables there, and here the megapage is cut.
        (
            way + 1,
            Edit::Shift {
                from: area(2 * MIB + PAGE, 2 * PAGE),
                to: area(above, 2 * PAGE),
            },
        ),
    ]
}

fn snapshot<F: Shape>(table: &Radix<F, Witness>) -> (Vec<Run>, usize, usize) {
    table.check_invariants().unwrap();
    (
        leaves(table),
        table.platform().in_use(),
        table.platform().take().len(),
    )
}

fn a_failed_allocation_leaves_entries_tables_and_allocator_as_they_were<F: Shape>() {
    for (needed, edit) in edits::<F>() {
        let mut table = furnished::<F>();
        let (before, frames, _) = snapshot(&table);
        for n in 1..=needed {
            table.platform().frames.fail_alloc(n);
            let refused = table.edit(edit, ASID);
            assert_eq!(
                refused,
                Err(MapError::OutOfFrames { needed }),
                "{edit:?}, {n}"
            );
            let events = table.platform().take();
            // What was set aside came back, and nobody was told of anything.
            assert_eq!(events.len(), n - 1, "{events:?}");
            assert_eq!(snapshot(&table), (before.clone(), frames, 0));
        }
        table.platform().frames.fail_alloc(needed + 1);
        assert_eq!(table.edit(edit, ASID), Ok(()), "{edit:?}");
        table.platform().frames.fail_alloc(0);
        table.check_invariants().unwrap();
    }
}

fn an_edit_needs_no_more_than_it_says<F: Shape>() {
    for (needed, edit) in edits::<F>() {
        let mut table = furnished::<F>();
        let platform = table.platform().clone();
        let mut hoard: Vec<_> = std::iter::from_fn(|| platform.alloc()).collect();
        for frame in hoard.drain(..needed) {
            platform.frames.release(frame, false);
        }
        assert_eq!(table.edit(edit, ASID), Ok(()), "{edit:?}");
        table.check_invariants().unwrap();
        for frame in hoard {
            platform.frames.release(frame, false);
        }
    }
}

fn installing_fails_whole_and_gives_the_reservation_back<F: Shape>() {
    let table = furnished::<F>();
    let (before, frames, _) = snapshot(&table);
    let needed = F::DEPTH - 1;
    for n in 1..=needed {
        let frame = table.platform().alloc().unwrap();
        table.platform().frames.fail_alloc(n);
        let refused = try_install(&table, far::<F>(), frame, RW);
        assert_eq!(refused, Err(MapError::OutOfFrames { needed }));
        table.platform().take();
        assert_eq!(snapshot(&table), (before.clone(), frames, 0));
    }
    install(&table, far::<F>(), RW);
    assert_eq!(table.platform().in_use(), frames + needed + 1);
}

fn a_run_where_nothing_is_takes_what_it_says<F: Shape>() {
    let starts = [0, PAGE, 2 * MIB - PAGE, 2 * MIB, GIB - 2 * MIB - PAGE, GIB];
    let sizes = [
        PAGE,
        3 * PAGE,
        2 * MIB - PAGE,
        2 * MIB,
        6 * MIB + PAGE,
        GIB + 2 * MIB + PAGE,
    ];
    let distances = [0, PAGE, 2 * MIB, 2 * MIB + PAGE, GIB].map(|bytes| bytes as u64);
    for start in [0, far::<F>()]
        .into_iter()
        .flat_map(|half| starts.map(|start| half + start))
    {
        for (size, distance) in sizes
            .into_iter()
            .flat_map(|size| distances.map(|distance| (size, distance)))
        {
            if size > 8 * MIB && distance % (2 * MIB as u64) != 0 {
                continue; // More tables than the test has frames.
            }
            let mut table = table::<F>(AccessedDirty::Preset);
            let first = (start % (1 << 40)) as u64 + distance;
            let edit = Edit::Map(run(start, first, size, RW));
            table.platform().frames.fail_alloc(1);
            let Err(MapError::OutOfFrames { needed }) = table.edit(edit, ASID) else {
                panic!("{edit:?} takes a table at least")
            };
            table.platform().frames.fail_alloc(needed + 1);
            assert_eq!(table.edit(edit, ASID), Ok(()));
            assert_eq!(table.platform().in_use(), 1 + needed, "{edit:?}");
            table.check_invariants().unwrap();
        }
    }
}
