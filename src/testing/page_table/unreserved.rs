//! Laws of edits that were not reserved.
//!
//! Edits answer no error, and a manager that is dropped unmaps without a reservation. So an edit for which memory is
//! missing, or that makes no sense, leaves pages out rather than in: a fault is better than a page too many.

use alloc::format;
use alloc::vec::Vec;

use super::pages::Pages;
use super::place::{NONE, RXU, part, small_block};
use super::space::Space;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::backend::Run;
use crate::backend::{Edit, PageTableBackend};
use crate::permissions::Permissions;

/// Edits with nothing reserved leave pages out at worst.
///
/// No page is there that should not be, no page allows more than it should, and the area of an unmap is empty. A map
/// without a reservation leaves the pages that it finds.
pub(super) fn edits_without_a_reservation_leave_out_at_worst<B: PageTableBackend>(
    space: &mut Space<'_, B>,
) {
    let run = small_block(&space.backend);
    let wide = run.widened(2 * B::PAGE_SIZE);
    for mapped in [run, run.leading_further(B::PAGE_SIZE), wide.allowing(NONE)] {
        for edit in edits::<B>(run) {
            space.verb(&[Edit::Map(mapped)]);
            let before = Pages::by_entries(space, wide.area);
            unreserved(space, edit);
            let after = Pages::by_entries(space, wide.area);
            let mut expected = before.clone();
            expected.edit::<B>(edit);
            leaves_out_at_worst(space, edit, [&before, &after, &expected]);
            space.clear(wide.area);
        }
    }
}

/// Edits of the run, of parts of it and of a little more: most need a split, or a table.
fn edits<B: PageTableBackend>(run: Run) -> Vec<Edit> {
    let other = run
        .leading_further(7 * B::PAGE_SIZE)
        .widened(2 * B::PAGE_SIZE);
    let inner = part::<B>(run.area, 9, 99);
    let areas = [
        run.area,
        other.area,
        inner,
        part::<B>(run.area, 0, 1),
        part::<B>(run.area, 511, 1),
    ];
    let edits = areas.into_iter().flat_map(|area| {
        [
            Edit::Unmap(area),
            Edit::Protect(area, RXU),
            Edit::Protect(area, NONE),
        ]
    });
    edits
        .chain([Edit::Map(other), Edit::Map(run.widened(B::PAGE_SIZE))])
        .collect()
}

/// Makes one edit with nothing reserved, and ends the verb.
fn unreserved<B: PageTableBackend>(space: &mut Space<'_, B>, edit: Edit) {
    space.make_with(B::Reserved::default(), &[edit]);
}

/// Each page is as it should be, or absent; and no map leaves out a page that it found.
fn leaves_out_at_worst<B: PageTableBackend>(
    space: &Space<'_, B>,
    edit: Edit,
    [before, after, expected]: [&Pages; 3],
) {
    let pages = before
        .iter::<B>()
        .zip(after.iter::<B>())
        .zip(expected.iter::<B>());
    for (((addr, before), (_, after)), (_, expected)) in pages {
        let may_be_out = before.is_none() || !matches!(edit, Edit::Map(_));
        let is_right = after == expected || (after.is_none() && may_be_out);
        space.ensure(is_right, || {
            format!("after {edit:?}, {addr} has {after:?}, where it had {before:?}")
        });
    }
}

/// Edits for which no reservation would be granted do not panic, and do not run for ever.
///
/// Their areas are misaligned, in no range or across all ranges, and their permissions have no meaning. After an unmap
/// of such an area, `populated` finds no run in it.
pub(super) fn absurd_edits_do_not_panic<B: PageTableBackend>(space: &mut Space<'_, B>) {
    let run = small_block(&space.backend);
    let unknown = Permissions::from_bits_retain(0xf0);
    let edited = [RXU, Permissions::WRITE, Permissions::all(), unknown];
    for area in absurd_areas(&space.backend, run.area) {
        // The protects alone may empty the area, so an unmap comes without them, too.
        for edited in [&[][..], &edited] {
            space.verb(&[Edit::Map(run)]);
            for &permissions in edited {
                unreserved(space, Edit::Protect(area, permissions));
                unreserved(space, Edit::Map(Run { area, ..run }.allowing(permissions)));
                for (from, to) in [(area, run.area), (run.area, area), (area, area)] {
                    unreserved(space, Edit::Shift { from, to });
                }
            }
            unreserved(space, Edit::Unmap(area));
            let left = space.backend.populated(area).next();
            space.ensure(left.is_none(), || {
                format!("after an unmap of {area}, {left:?} is left")
            });
            space.verb(&[Edit::Unmap(run.area)]);
        }
    }
}

/// A run whose frames no entry can hold is not mapped, and not to other frames in their stead.
///
/// The law tries holes between small leaves, where a map needs no reservation: so no check of `reserve` comes before.
/// A format that cuts off the high bits of a frame's address would lead to memory of another space.
pub(super) fn frames_out_of_range_are_not_mistaken_for_others<B: PageTableBackend>(
    space: &mut Space<'_, B>,
) {
    let run = small_block(&space.backend).leading_further(B::PAGE_SIZE);
    let hole = part::<B>(run.area, 40, 2);
    space.verb(&[Edit::Map(run)]);
    space.verb(&[Edit::Unmap(hole)]);
    let rest: Vec<_> = run.outside(hole).collect();
    let beyond = space.backend.physical_range().next();
    let top = PhysAddr::new(u64::MAX).align_down(B::PAGE_SIZE);
    let middle = run.leading_further(1).first;
    for first in [beyond, top, Some(middle), Some(PhysAddr::new(u64::MAX))]
        .into_iter()
        .flatten()
    {
        unreserved(
            space,
            Edit::Map(Run {
                area: hole,
                first,
                ..run
            }),
        );
        space.holds(&rest);
    }
}

/// Areas that are misaligned, in no range, or across the borders of ranges, up to nearly the whole space.
fn absurd_areas<B: PageTableBackend>(backend: &B, area: MemoryArea) -> Vec<MemoryArea> {
    let ranges = backend.ranges().iter();
    let across = ranges.flat_map(|range| {
        [
            (range.start().checked_sub(1), Some(range.start())),
            (Some(range.end()), range.next()),
        ]
    });
    let across = across.filter_map(|(start, end)| start.zip(end));
    let [zero, one, top] = [0, 1, usize::MAX].map(VirtAddr::new);
    let below = VirtAddr::new(usize::MAX - 1);
    let within = area.at(1).zip(area.at(B::PAGE_SIZE));
    let byte = area.at(3 * B::PAGE_SIZE - 1);
    let all = [(zero, below), (one, top), (top, top), (one, one)]
        .into_iter()
        .chain(within)
        .chain(byte.zip(byte));
    all.chain(across)
        .filter_map(|(start, end)| MemoryArea::new(start, end).ok())
        .collect()
}
