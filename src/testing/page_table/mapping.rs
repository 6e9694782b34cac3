//! Laws of `map` and `entry`.

use alloc::format;
use alloc::vec::Vec;

use super::place::{
    LARGEST, NONE, R, RW, RXU, block, blocks, pages, part, small_block, sorted, sure,
};
use super::space::Space;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::backend::Run;
use crate::backend::{Edit, PageTableBackend};
use crate::permissions::Permissions;

/// A new page table maps nothing, its root stays in one place, and its ranges are whole pages in order.
pub(super) fn a_new_page_table_is_empty<B: PageTableBackend>(space: &mut Space<'_, B>) {
    space.ensure(B::PAGE_SIZE.is_power_of_two(), || {
        format!("the page size is {:#x}", B::PAGE_SIZE)
    });
    let mut last = None;
    for range in space.backend.ranges() {
        space.ensure(range.is_aligned(B::PAGE_SIZE), || {
            format!("range {range} is not whole pages")
        });
        let is_behind = last.is_none_or(|last: VirtAddr| {
            last.checked_add(1)
                .is_some_and(|behind| behind < range.start())
        });
        space.ensure(is_behind, || {
            format!("range {range} touches the one before it, or is out of order")
        });
        last = Some(range.end());
    }
    let [first, second] = [(); 2].map(|()| space.backend.root());
    space.same(&first, &second, "the root");
    space.is_as_at_first();
}

/// Runs of any size and alignment lead where they were mapped to, and no other entry is there.
///
/// Frames that are congruent with the pages allow large leaves, others do not. A page more or less at either border
/// makes the map begin and end within a large leaf.
pub(super) fn what_is_mapped_is_there<B: PageTableBackend>(space: &mut Space<'_, B>) {
    let page = B::PAGE_SIZE;
    let blocks: Vec<_> = blocks(&space.backend).collect();
    for run in blocks {
        let all = pages::<B>(run.area);
        let inner = run.inside(part::<B>(run.area, 1, all - 2));
        let mut runs = Vec::from([run.widened(page), inner.leading_further(page)]);
        if all < LARGEST {
            runs.extend([run, inner, run.leading_further(512 * page)]);
        }
        for run in runs {
            space.verb(&[Edit::Map(run)]);
            space.holds(&[run]);
            space.clear(run.area);
        }
    }
}

/// Entries say permissions, memory type and frame as they were mapped, those of hidden entries too.
///
/// The law maps pages with all permissions and all memory types that the backend supports. They lead to the lowest and
/// to the highest frame: a format that has too few bits for one of them shows.
pub(super) fn entries_say_all_that_was_mapped<B: PageTableBackend>(space: &mut Space<'_, B>) {
    let run = small_block(&space.backend);
    let physical = space.backend.physical_range();
    let last = sure(physical.end().align_down(B::PAGE_SIZE));
    for first in [sure(physical.start().align_up(B::PAGE_SIZE)), last] {
        let mut runs = Vec::new();
        for (index, attributes) in all_attributes(&space.backend).into_iter().enumerate() {
            runs.push(Run {
                area: part::<B>(run.area, index, 1),
                first,
                attributes,
            });
        }
        let edits: Vec<_> = runs.iter().copied().map(Edit::Map).collect();
        space.verb(&edits);
        space.holds(&runs);
        space.clear(run.area);
    }
}

/// All attributes that a map can ask for and the backend supports. No page can be written but not read.
fn all_attributes<B: PageTableBackend>(backend: &B) -> Vec<Attributes> {
    let types = [
        MemoryType::Normal,
        MemoryType::NonCacheable,
        MemoryType::Device,
    ]
    .into_iter();
    let permissions = (0..=Permissions::all().bits()).filter_map(Permissions::from_bits);
    let permissions = permissions.filter(|&permissions| permissions & RW != Permissions::WRITE);
    let all = types.flat_map(|memory_type| {
        permissions.clone().map(move |permissions| Attributes {
            permissions,
            memory_type,
        })
    });
    all.filter(|&attributes| backend.supports(attributes).is_ok())
        .collect()
}

/// Entries that are there, hidden or not, stay when a run is mapped over them, and only the rest is mapped.
///
/// First there are small leaves under a large run, then a large leaf under small runs. Populating relies on this law:
/// it maps whole maps over pages that were populated before.
pub(super) fn mapping_leaves_what_is_there<B: PageTableBackend>(space: &mut Space<'_, B>) {
    let run = small_block(&space.backend);
    let other = run.leading_further(B::PAGE_SIZE).allowing(RXU);
    let [first, middle, last] = [0, 77, 511].map(|page| part::<B>(run.area, page, 1));
    let kept = [
        other.inside(first),
        other.inside(middle).allowing(NONE),
        other.inside(last),
    ];
    space.verb(&kept.map(Edit::Map));
    space.verb(&[Edit::Map(run)]);
    let [before, behind] = [(1, 76), (78, 433)]
        .map(|(skipped, pages)| run.inside(part::<B>(run.area, skipped, pages)));
    let [first, middle, last] = kept;
    space.holds(&[first, before, middle, behind, last]);
    space.verb(&[Edit::Unmap(run.area)]);

    space.verb(&[Edit::Map(run)]);
    space.verb(&[Edit::Map(first), Edit::Map(last)]);
    space.verb(&[Edit::Map(other)]);
    space.holds(&[run]);
    space.verb(&[Edit::Map(other.widened(B::PAGE_SIZE))]);
    let around = other.widened(B::PAGE_SIZE).outside(run.area);
    space.holds(&sorted(around.chain([run])));
}

/// The first and the last page of each range can be mapped, protected and unmapped, all of them in one verb.
///
/// They are the first and the last entries of their tables, and the last page of the space has no address behind it.
pub(super) fn the_borders_of_each_range_can_be_mapped<B: PageTableBackend>(
    space: &mut Space<'_, B>,
) {
    let frame = small_block(&space.backend);
    let ranges = space.backend.ranges().iter();
    let pages = ranges.flat_map(|&range| {
        [
            part::<B>(range, 0, 1),
            part::<B>(range, range.size() / B::PAGE_SIZE - 1, 1),
        ]
    });
    let runs: Vec<_> = pages
        .map(|area: MemoryArea| Run { area, ..frame })
        .collect();
    let edits: Vec<_> = runs.iter().copied().map(Edit::Map).collect();
    space.verb(&edits);
    space.holds(&runs);
    let protect: Vec<_> = runs.iter().map(|run| Edit::Protect(run.area, R)).collect();
    space.verb(&protect);
    let changed: Vec<_> = runs.iter().map(|run| run.allowing(R)).collect();
    space.holds(&changed);
    let unmap: Vec<_> = runs.iter().map(|run| Edit::Unmap(run.area)).collect();
    space.verb(&unmap);
    space.is_as_at_first();
}

/// Two CPUs can map the same place when both have reserved before either maps.
///
/// Whoever comes second finds the tables, or the leaves, of the first, and maps the rest. Memory of the reservation
/// that the second did not need goes back.
pub(super) fn two_cpus_can_map_the_same_place<B: PageTableBackend>(space: &mut Space<'_, B>) {
    let page = B::PAGE_SIZE;
    let large = block(&space.backend, LARGEST).unwrap_or(small_block(&space.backend));
    let area = part::<B>(large.area, 3, 2);
    let small = large.leading_further(page).inside(area);
    let filled = sorted(large.outside(area).chain([small]));
    let orders = [
        ([small, small], Vec::from([small])),
        ([large, small], Vec::from([large])),
        ([small, large], filled),
    ];
    for ([first, second], expected) in orders {
        let mut withs = [first, second].map(|run| space.reserve(&[Edit::Map(run)]));
        [first, second]
            .iter()
            .zip(&mut withs)
            .for_each(|(&run, with)| space.backend.map(run, with));
        withs
            .into_iter()
            .for_each(|with| space.backend.unreserve(with));
        space.holds(&expected);
        space.clear(large.area);
    }
}
