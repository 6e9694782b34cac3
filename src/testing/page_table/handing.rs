//! Laws of pages that are handed over, behind their flush.

use alloc::vec::Vec;

use super::owning::{gives_back, installed_at};
use super::place::{RW, part, small_block};
use super::space::Space;
use crate::asid::Asid;
use crate::backend::{Edit, Paging, Run};
use crate::flush::Retired;

/// Retires what `out` tells of: these pages are handed over, each with its frame, and no others.
fn hands_over<B: Paging>(space: &mut Space<'_, B>, out: Retired, expected: &[Run]) {
    let mut handed = Vec::new();
    space.backend.retire_into(out, Asid::new(1), |at, page| {
        handed.push((at, page.frame));
    });
    space.nothing_waits();
    let found: Vec<_> = handed
        .iter()
        .map(|(at, frame)| (*at, frame.addr()))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|run| (run.area.start(), run.first))
        .collect();
    space.same(&found, &expected, "the pages that were handed over");
    // Frames that were handed over by mistake may have gone back already.
    if !space.is_broken() {
        handed
            .into_iter()
            .for_each(|(_, frame)| gives_back(space, frame));
    }
}

/// Where a flush was owed before, whose pages wait is not known: they go back, and none is handed over.
pub(super) fn what_was_owed_before_is_not_handed_over<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed_at(space, 3, RW);
    drop(space.defer(Edit::Unmap(run.area)));
    let beside = part::<B>(small_block(&space.backend).area, 5, 1);
    let out = space.defer(Edit::Unmap(beside));
    hands_over(space, out, &[]);
    space.is_as_at_first();
}

/// Where pages are handed over, those that the page table owns are, each once, and no others: neither where the table
/// goes with them, nor where a page stays in it.
pub(super) fn owned_pages_are_handed_over_and_no_others<B: Paging>(space: &mut Space<'_, B>) {
    let block = small_block(&space.backend);
    for stays in [None, Some(part::<B>(block.area, 9, 1))] {
        let owned = installed_at(space, 3, RW);
        let physical = Run {
            area: part::<B>(block.area, 4, 1),
            ..block
        };
        let beside = stays.map(|area| Run { area, ..block });
        let mapped: Vec<_> = [Some(physical), beside].into_iter().flatten().collect();
        mapped.iter().for_each(|&run| space.verb(&[Edit::Map(run)]));

        let out = space.defer(Edit::Unmap(part::<B>(block.area, 0, 8)));
        hands_over(space, out, &[owned]);
        space.holds(beside.as_slice());
        space.clear(block.area);
    }
}
