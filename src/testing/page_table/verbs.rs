//! Laws of several edits in one verb, and of `retire`.

use alloc::vec::Vec;

use super::pages::Pages;
use super::place::{NONE, R, blocks, part, small_block, sorted, sure};
use super::space::Space;
use crate::area::MemoryArea;
use crate::backend::Run;
use crate::backend::{Edit, PageTableBackend};
use crate::flush::Retired;

/// Edits that were reserved together can be made together, in their order.
///
/// Each edit finds the entries as the edits before have left them, and none of these has been flushed yet. So the
/// reservation counts for each edit the splits and tables that are missing by then, not those missing now.
pub(super) fn edits_reserved_together_can_be_made_together<B: PageTableBackend>(
    space: &mut Space<'_, B>,
) {
    let blocks: Vec<_> = blocks(&space.backend).take(3).collect();
    for block in blocks {
        for run in [block, block.leading_further(B::PAGE_SIZE)] {
            let page = part::<B>(run.area, 33, 1);
            for (at_first, edits) in verbs::<B>(run, page) {
                becomes(space, run.area, at_first, &edits);
            }
        }
    }
}

/// Verbs of several edits, each with the edit that comes before the verb, if any. No edit speaks of pages that an edit
/// of its verb has mapped before it.
fn verbs<B: PageTableBackend>(run: Run, page: MemoryArea) -> Vec<(Option<Edit>, Vec<Edit>)> {
    let other = run.leading_further(2 * B::PAGE_SIZE);
    let [all, again, one] = [run, other, other.inside(page)].map(Edit::Map);
    let [clear, cut] = [run.area, page].map(Edit::Unmap);
    let dim = Edit::Protect(run.area, R);
    let [hide, same] =
        [NONE, run.attributes.permissions].map(|permissions| Edit::Protect(page, permissions));
    Vec::from([
        // Pages that an unmap has emptied are mapped again, by large leaves or by small ones.
        (Some(all), Vec::from([clear, one])),
        (Some(all), Vec::from([clear, again])),
        (Some(one), Vec::from([clear, all])),
        (Some(all), Vec::from([cut, again])),
        // A leaf that was split is edited again, or unmapped.
        (Some(all), Vec::from([hide, cut, one])),
        (Some(all), Vec::from([cut, hide, clear, clear, one])),
        // A split that the page table does not need at first, but does after the first edit.
        (Some(all), Vec::from([dim, same])),
        (Some(all), Vec::from([hide, dim, same])),
    ])
}

/// The verb, after the edit that comes before it, leaves the pages as its edits would one by one.
fn becomes<B: PageTableBackend>(
    space: &mut Space<'_, B>,
    area: MemoryArea,
    at_first: Option<Edit>,
    edits: &[Edit],
) {
    let mut model = Pages::absent::<B>(area);
    at_first
        .iter()
        .chain(edits)
        .for_each(|&edit| model.edit::<B>(edit));
    space.verb(at_first.as_slice());
    space.verb(edits);
    model.agrees(space, "edits that were reserved together");
    space.verb(&[Edit::Unmap(area)]);
    space.is_as_at_first();
}

/// Pages can move as a manager moves them, within one large leaf as well.
///
/// The target is unmapped, the source shifted there, and then unmapped, in one verb. When both lie in one leaf, the
/// first edit splits the leaf under the second.
pub(super) fn pages_can_move_within_one_leaf<B: PageTableBackend>(space: &mut Space<'_, B>) {
    let blocks: Vec<_> = blocks(&space.backend).take(3).collect();
    for run in blocks {
        let half = run.area.size() / 2;
        let [from, to] =
            [(5, 9), (300, 9)].map(|(skipped, pages)| part::<B>(run.area, skipped, pages));
        let (left, right) = sure(run.area.split_at(half));
        for [from, to] in [[from, to], [to, from], [left, right], [right, left]] {
            space.verb(&[Edit::Map(run)]);
            space.verb(&[Edit::Unmap(to), Edit::Shift { from, to }, Edit::Unmap(from)]);
            let moved = Run {
                area: to,
                ..run.inside(from)
            };
            let rest = run
                .outside(from)
                .flat_map(|run| run.outside(to).collect::<Vec<_>>());
            space.holds(&sorted(rest.chain([moved])));
            space.clear(run.area);
        }
    }
}

/// One flush retires any number of edits, and all memory of theirs goes back.
///
/// A verb may unmap more areas than a flush can name. It may also unmap all of them at once, and map a page there
/// again.
pub(super) fn one_flush_retires_any_number_of_edits<B: PageTableBackend>(space: &mut Space<'_, B>) {
    let last = sure(blocks(&space.backend).last());
    let step = pages_between::<B>(last.area);
    for pages in [1, 512.min(step)] {
        let run = |index| last.inside(part::<B>(last.area, index * step, pages));
        let (kept, runs) = (run(8), [0, 1, 2, 3, 4, 5, 6, 7].map(run));
        let each = runs.map(|run| Edit::Unmap(run.area));
        let all = [Edit::Unmap(last.area), Edit::Map(kept)];
        for edits in [&each[..], &all] {
            space.verb(&runs.map(Edit::Map));
            space.verb(&[Edit::Map(kept)]);
            space.verb(edits);
            space.holds(&[kept]);
            space.clear(kept.area);
        }
    }
}

/// The number of pages from one of nine places in `area` to the next.
fn pages_between<B: PageTableBackend>(area: MemoryArea) -> usize {
    area.size() / B::PAGE_SIZE / 16
}

/// Entries whose [`Retired`] is dropped wait, and go with the next that is retired.
///
/// A caller that panics between an unmap and its flush drops the value. Until the next flush the page table is sound,
/// and the pages are gone for readers.
pub(super) fn a_dropped_retired_is_settled_by_the_next<B: PageTableBackend>(
    space: &mut Space<'_, B>,
) {
    let run = small_block(&space.backend);
    for area in [run.area, part::<B>(run.area, 7, 9)] {
        let rest: Vec<_> = run.outside(area).collect();
        let edit = Edit::Unmap(area);
        space.verb(&[Edit::Map(run)]);
        drop(space.defer(edit));
        space.is_sound();
        space.holds(&rest);
        space.finish(B::Reserved::default(), Retired::new(), &[edit]);
        if rest.is_empty() {
            space.is_as_at_first();
        }
        space.verb(&[Edit::Map(run)]);
        space.clear(run.area);
    }
}

/// Deferred edits are settled under `&self`, by two CPUs or by one: then everything is as if it had been retired, and
/// the place can be mapped again.
///
/// Where a backend [does not settle](PageTableBackend::SETTLES), nothing is asked of it.
pub(super) fn deferred_edits_are_settled_under_a_shared_borrow<B: PageTableBackend>(
    space: &mut Space<'_, B>,
) {
    let runs: Vec<_> = blocks(&space.backend).take(3).collect();
    for run in runs.into_iter().filter(|_| B::SETTLES) {
        let areas = [run.area, part::<B>(run.area, 7, 9)];
        for (area, settlers) in [(areas[0], 1), (areas[1], 1), (areas[0], 2), (areas[1], 2)] {
            let rest: Vec<_> = run.outside(area).collect();
            space.verb(&[Edit::Map(run)]);
            let told = space.defer(Edit::Unmap(area));
            space.holds(&rest);
            (0..settlers).for_each(|_| space.settle(&told));
            space.holds(&rest);
            if rest.is_empty() {
                space.is_as_at_first();
            }
            let inside = run.inside(area);
            let mut with = space.reserve(&[Edit::Map(inside)]);
            space.backend.map(inside, &mut with);
            space.finish(with, Retired::new(), &[]);
            space.holds(&[run]);
            space.clear(run.area);
        }
    }
}

/// Edits that are deferred one after the other, of the same pages too, are settled by one call.
pub(super) fn deferred_edits_add_up<B: PageTableBackend>(space: &mut Space<'_, B>) {
    if !B::SETTLES {
        return;
    }
    let run = small_block(&space.backend);
    let [one, other] =
        [(7, 9), (3, 40)].map(|(skipped, pages)| part::<B>(run.area, skipped, pages));
    let edits = [
        Edit::Unmap(one),
        Edit::Protect(run.area, NONE),
        Edit::Unmap(other),
        Edit::Protect(run.area, R),
        Edit::Unmap(run.area),
    ];
    space.verb(&[Edit::Map(run)]);
    let mut all = Retired::new();
    for edit in edits {
        all.absorb(&space.defer(edit));
        space.is_sound();
    }
    space.settle(&all);
    space.is_as_at_first();

    // Notes that were dropped are settled with the last, which do not tell of them.
    space.verb(&[Edit::Map(run)]);
    drop(space.defer(Edit::Unmap(other)));
    let told = space.defer(Edit::Unmap(run.area));
    space.settle(&told);
    space.is_as_at_first();
}

/// Verbs that take no entry away can retire that, and change nothing.
///
/// Such verbs have no edits, or protect pages to the permissions that they have.
pub(super) fn retiring_nothing_changes_nothing<B: PageTableBackend>(space: &mut Space<'_, B>) {
    space.verb(&[]);
    space.is_as_at_first();
    let run = small_block(&space.backend);
    space.verb(&[Edit::Map(run)]);
    space.make_with(B::Reserved::default(), &[]);
    space.verb(&[Edit::Protect(run.area, run.attributes.permissions)]);
    space.holds(&[run]);
    space.verb(&[Edit::Protect(run.area, R), Edit::Protect(run.area, R)]);
    space.holds(&[run.allowing(R)]);
}
