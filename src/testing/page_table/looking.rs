//! Laws of `populated`.

use alloc::vec::Vec;

use super::place::{NONE, part, small_block, sure};
use super::space::Space;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend};
use crate::backend::{Entry, Run};

/// `populated` answers the runs of any area in order, clipped to the area's borders.
///
/// The area may be a byte, or the whole space with the holes between the ranges. A walk that steps by table or by leaf
/// is wrong at borders inside of one, and at the last byte of the space, where an end that is one past wraps.
/// `entry` is asked between the ranges, too: nothing is there.
pub(super) fn populated_clips_to_any_area<B: PageTableBackend>(space: &mut Space<'_, B>) {
    let run = small_block(&space.backend);
    let wide = run.widened(8 * B::PAGE_SIZE);
    let hidden = wide.inside(part::<B>(wide.area, 3, 2)).allowing(NONE);
    let last = sure(space.backend.ranges().last().copied());
    let last = Run {
        area: part::<B>(last, last.size() / B::PAGE_SIZE - 1, 1),
        ..run
    };
    let runs = [hidden, run, last];
    space.verb(&runs.map(Edit::Map));
    for area in areas::<B>(wide.area)
        .into_iter()
        .chain(gaps(&space.backend))
    {
        space.shows(area, &runs);
    }
    let beyond = gaps(&space.backend)
        .into_iter()
        .filter_map(|gap| gap.at(gap.size() / 2));
    for addr in beyond.filter(|&addr| {
        !space
            .backend
            .ranges()
            .iter()
            .any(|range| range.contains(addr))
    }) {
        space.same(
            &space.backend.entry(addr),
            &Entry::Empty,
            "an entry in no range",
        );
    }
}

/// Areas in and around `area`, most of whose borders lie inside pages, and some that are nearly the whole space.
fn areas<B: PageTableBackend>(area: MemoryArea) -> Vec<MemoryArea> {
    let page = B::PAGE_SIZE;
    let offsets = [
        0,
        1,
        3 * page,
        3 * page + 5,
        4 * page - 1,
        4 * page,
        8 * page,
        9 * page + 7,
        100 * page,
        520 * page,
    ];
    let starts = offsets
        .into_iter()
        .filter_map(move |offset| area.at(offset));
    let sizes = [
        1,
        2,
        page - 1,
        page,
        page + 1,
        2 * page,
        511 * page,
        512 * page + 9,
        528 * page,
    ];
    let small = starts.flat_map(|start| sizes.map(|size| MemoryArea::from_start_size(start, size)));
    let [zero, one, top] = [0, 1, usize::MAX].map(VirtAddr::new);
    let below = VirtAddr::new(usize::MAX - 1);
    let large = [
        (zero, below),
        (one, top),
        (one, below),
        (top, top),
        (zero, zero),
        (below, top),
    ];
    small
        .chain(large.map(|(start, end)| MemoryArea::new(start, end)))
        .filter_map(Result::ok)
        .collect()
}

/// The areas between two ranges: from the middle of each to the middle of the next, and from the last byte of one to
/// the first of the next.
fn gaps<B: PageTableBackend>(backend: &B) -> Vec<MemoryArea> {
    let pairs = backend.ranges().windows(2).filter_map(|pair| match pair {
        &[left, right] => Some((left, right)),
        _ => None,
    });
    let gaps = pairs.flat_map(|(left, right)| {
        let wide = left.at(left.size() / 2).zip(right.at(right.size() / 2));
        [wide, Some((left.end(), right.start()))]
    });
    gaps.flatten()
        .filter_map(|(start, end)| MemoryArea::new(start, end).ok())
        .collect()
}

/// A reader in the midst of `populated` keeps no other caller from mapping elsewhere.
///
/// So a backend holds no lock from one run to the next. `reserve` may be given edits that are read from the page table
/// while it counts them: it holds no lock while it asks for the next edit.
pub(super) fn populated_can_be_read_while_mapping<B: PageTableBackend>(space: &mut Space<'_, B>) {
    let run = small_block(&space.backend).leading_further(B::PAGE_SIZE);
    let from = run.inside(part::<B>(run.area, 0, 16));
    space.verb(&[Edit::Map(from)]);
    let copy = |leaf: Run| {
        let start = sure(leaf.area.start().checked_add(16 * B::PAGE_SIZE));
        Run {
            area: sure(MemoryArea::from_start_size(start, leaf.area.size()).ok()),
            ..leaf
        }
    };
    let edits = space.backend.populated(from.area).map(copy).map(Edit::Map);
    let reserved = space.backend.reserve(edits);
    space.ensure(reserved.is_ok(), || "the edits were refused".into());
    let mut with = reserved.unwrap_or_default();
    for leaf in space.backend.populated(from.area) {
        space.backend.map(copy(leaf), &mut with);
    }
    space.backend.unreserve(with);
    space.holds(&[from, copy(from)]);
}
