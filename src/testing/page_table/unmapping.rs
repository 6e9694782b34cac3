//! Laws of `unmap`.

use alloc::vec::Vec;

use super::place::{LARGEST, NONE, RXU, blocks, pages, part, small_block};
use super::space::Space;
use crate::area::MemoryArea;
use crate::backend::Run;
use crate::backend::{Edit, PageTableBackend};

/// The parts of a run that edits are tried on: pages and more, at the run's borders and within.
///
/// One part is enough for the largest run, where each try writes as many entries as all others together.
pub(super) fn parts<B: PageTableBackend>(run: Run) -> Vec<MemoryArea> {
    let all = pages::<B>(run.area);
    let mut parts = Vec::from([(all / 3, 1)]);
    if all < LARGEST {
        parts.extend([
            (all / 2, all - all / 2),
            (0, 1),
            (1, 1),
            (0, 2),
            (all - 2, 1),
            (1, all - 2),
            (2, all - 4),
        ]);
    }
    parts
        .into_iter()
        .map(|(skipped, pages)| part::<B>(run.area, skipped, pages))
        .collect()
}

/// The runs that edits are tried on: each a page wider than a block on either side, so that large leaves have small
/// neighbours. Some lead to frames that allow no large leaf.
pub(super) fn subjects<B: PageTableBackend>(backend: &B) -> Vec<Run> {
    let page = B::PAGE_SIZE;
    let congruent = blocks(backend).map(|run| run.widened(page));
    let others = blocks(backend)
        .take(2)
        .flat_map(|run| [page, 512 * page].map(|bytes| run.widened(page).leading_further(bytes)));
    congruent.chain(others).collect()
}

/// Unmapping any part of a large run leaves the rest as it was: pages around the part lead where they did, with the
/// permissions that they had.
///
/// A large leaf of which a part goes has to be split before, and the split takes tables from the reservation.
pub(super) fn unmapping_a_part_leaves_the_rest<B: PageTableBackend>(space: &mut Space<'_, B>) {
    for run in subjects(&space.backend) {
        for part in parts::<B>(run) {
            space.verb(&[Edit::Map(run)]);
            space.verb(&[Edit::Unmap(part)]);
            let rest: Vec<_> = run.outside(part).collect();
            space.holds(&rest);
            space.clear(run.area);
        }
    }
}

/// Unmapping passes over empty entries: an area with holes, or with no page at all, is unmapped like any other.
pub(super) fn unmapping_skips_what_is_absent<B: PageTableBackend>(space: &mut Space<'_, B>) {
    let run = small_block(&space.backend);
    space.clear(run.area);
    let [left, right] = [0, 500].map(|skipped| run.inside(part::<B>(run.area, skipped, 1)));
    space.verb(&[Edit::Map(left), Edit::Map(right)]);
    space.verb(&[Edit::Unmap(part::<B>(run.area, 1, 499))]);
    space.holds(&[left, right]);
    space.verb(&[Edit::Unmap(part::<B>(run.area, 1, 511))]);
    space.holds(&[left]);
    space.verb(&[Edit::Unmap(run.widened(7 * B::PAGE_SIZE).area)]);
    space.is_as_at_first();
}

/// Unmapping the last of many pieces gives all memory back, without one sweep over everything.
///
/// Tables go when their last entry does, whichever that is: the pieces go from both ends. Hidden pages count as entries
/// like others.
pub(super) fn unmapping_piece_by_piece_gives_everything_back<B: PageTableBackend>(
    space: &mut Space<'_, B>,
) {
    let run = small_block(&space.backend).widened(8 * B::PAGE_SIZE);
    for permissions in [RXU, NONE] {
        space.verb(&[Edit::Map(run.allowing(permissions))]);
        // From both ends: 528 pages are 48 times 11.
        let order = (0..24).flat_map(|index| [index, 47 - index]);
        for piece in order {
            space.verb(&[Edit::Unmap(part::<B>(run.area, piece * 11, 11))]);
        }
        space.is_as_at_first();
    }
}
