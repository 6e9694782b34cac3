//! Laws of several edits in one verb, and of `retire`.

use alloc::vec::Vec;

use super::place::{NONE, R, RXU, blocks, part, small_block, sure};
use super::space::Space;
use crate::area::MemoryArea;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::run::Run;
use crate::flush::Retired;

/// Edits that were reserved together do all that they should, in their order: each finds what the ones before have
/// left, and none of it has been flushed yet.
pub fn edits_reserved_together_can_be_made_together<B: PageTableBackend>(
    make: impl Fn() -> B,
    in_use: impl Fn(&B) -> usize,
) {
    let mut space = Space::new("edits reserved together can be made together", make, in_use);
    let blocks: Vec<_> = blocks(&space.backend).take(3).collect();
    for large in blocks {
        let page = part::<B>(large.area, 33, 1);
        for run in [large, large.leading_further(B::PAGE_SIZE)] {
            // What an unmap has emptied is mapped again.
            let other = run.leading_further(2 * B::PAGE_SIZE).inside(page);
            space.verb(&[Edit::Map(run)]);
            space.verb(&[Edit::Unmap(run.area), Edit::Map(other)]);
            space.holds(&[other]);
            // What was just mapped is cut.
            space.verb(&[
                Edit::Unmap(run.area),
                Edit::Map(run),
                Edit::Unmap(page),
                Edit::Map(other),
            ]);
            space.holds(&around(run, other));
            space.verb(&[Edit::Unmap(run.area)]);
            space.is_as_at_first();
            // What was cut is cut again, and mapped in between.
            space.verb(&[Edit::Map(run)]);
            space.verb(&[
                Edit::Protect(page, NONE),
                Edit::Unmap(page),
                Edit::Map(other),
                Edit::Protect(page, RXU),
            ]);
            space.holds(&around(run, other.allowing(RXU)));
            space.verb(&[
                Edit::Unmap(page),
                Edit::Unmap(run.area),
                Edit::Unmap(run.area),
            ]);
            space.is_as_at_first();
        }
    }
    space.end();
}

/// `run` with `inner` in place of its own part.
fn around(run: Run, inner: Run) -> Vec<Run> {
    let mut runs: Vec<_> = run.outside(inner.area).chain([inner]).collect();
    runs.sort_unstable_by_key(|run| run.area.start());
    runs
}

/// A move as a manager makes it: the target is unmapped, what the source has is mapped there, and the source is
/// unmapped. Both may lie in one leaf.
pub fn pages_can_move_within_one_leaf<B: PageTableBackend>(
    make: impl Fn() -> B,
    in_use: impl Fn(&B) -> usize,
) {
    let mut space = Space::new("pages can move within one leaf", make, in_use);
    let blocks: Vec<_> = blocks(&space.backend).take(3).collect();
    for run in blocks {
        let half = run.area.size() / 2;
        let [from, to] =
            [(5, 9), (300, 9)].map(|(skipped, pages)| part::<B>(run.area, skipped, pages));
        let (left, right) = sure(run.area.split_at(half));
        for [from, to] in [[from, to], [to, from], [left, right], [right, left]] {
            space.verb(&[Edit::Map(run)]);
            shift(&mut space, from, to);
            let moved = Run {
                area: to,
                ..run.inside(from)
            };
            let rest = run
                .outside(from)
                .flat_map(|run| run.outside(to).collect::<Vec<_>>());
            let mut expected: Vec<_> = rest.chain([moved]).collect();
            expected.sort_unstable_by_key(|run| run.area.start());
            space.holds(&expected);
            space.verb(&[Edit::Unmap(run.area)]);
            space.is_as_at_first();
        }
    }
    space.end();
}

fn shift<B: PageTableBackend, U: Fn(&B) -> usize>(
    space: &mut Space<B, U>,
    from: MemoryArea,
    to: MemoryArea,
) {
    let moved = |leaf: Run| {
        let start = sure(
            from.offset_of(leaf.area.start())
                .and_then(|offset| to.at(offset)),
        );
        Run {
            area: sure(MemoryArea::from_start_size(start, leaf.area.size()).ok()),
            ..leaf
        }
    };
    let maps: Vec<_> = space
        .backend
        .populated(from)
        .map(moved)
        .map(Edit::Map)
        .collect();
    let edits = [&[Edit::Unmap(to)][..], &maps, &[Edit::Unmap(from)]].concat();
    let (mut with, mut out) = (space.reserve(&edits), Retired::new());
    space.backend.unmap(to, &mut with, &mut out);
    // Read again: the unmap may have made smaller leaves of the one that both lie in.
    for leaf in space.backend.populated(from) {
        space.backend.map(moved(leaf), &mut with);
    }
    space.backend.unmap(from, &mut with, &mut out);
    space.finish(with, out);
}

/// One verb may take out more places than a flush can name, and all their memory goes back.
pub fn one_flush_retires_any_number_of_edits<B: PageTableBackend>(
    make: impl Fn() -> B,
    in_use: impl Fn(&B) -> usize,
) {
    let mut space = Space::new("one flush retires any number of edits", make, in_use);
    let last = sure(blocks(&space.backend).last());
    let step = pages_between::<B>(last.area);
    for pages in [1, 512.min(step)] {
        let runs: Vec<_> = (0..8)
            .map(|index| last.inside(part::<B>(last.area, index * step, pages)))
            .collect();
        let kept = last.inside(part::<B>(last.area, 8 * step, 1));
        let edits: Vec<_> = runs.iter().chain([&kept]).copied().map(Edit::Map).collect();
        space.verb(&edits);
        let edits: Vec<_> = runs.iter().map(|run| Edit::Unmap(run.area)).collect();
        space.verb(&edits);
        space.holds(&[kept]);
        space.verb(&[Edit::Unmap(kept.area)]);
        space.is_as_at_first();
    }
    space.end();
}

/// How far apart nine places in `area` can lie.
fn pages_between<B: PageTableBackend>(area: MemoryArea) -> usize {
    area.size() / B::PAGE_SIZE / 16
}

/// A verb that has taken nothing out can retire that.
pub fn retiring_nothing_changes_nothing<B: PageTableBackend>(
    make: impl Fn() -> B,
    in_use: impl Fn(&B) -> usize,
) {
    let mut space = Space::new("retiring nothing changes nothing", make, in_use);
    space.verb(&[]);
    space.is_as_at_first();
    let run = small_block(&space.backend);
    space.verb(&[Edit::Map(run)]);
    space.finish(B::Reserved::default(), Retired::new());
    space.verb(&[Edit::Protect(run.area, run.attributes.permissions)]);
    space.holds(&[run]);
    space.verb(&[Edit::Protect(run.area, R), Edit::Protect(run.area, R)]);
    space.holds(&[run.allowing(R)]);
    space.end();
}
