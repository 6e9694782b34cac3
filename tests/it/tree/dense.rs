//! Leaves that are as full as they get, at random: moves, restores and holes beside each other lose no page.
//!
//! Maps of a few pages, added in address order, fill each leaf to its bound. From there every verb at random finds
//! leaves without room, and neighbours without room: the cases in which a reservation may count too few nodes.

use std::collections::BTreeMap;
use std::ops::Range;

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{MapError, Permissions, VirtualMemoryMap};

use super::{Random, Space};
use crate::subject::{PAGE, map, pages};

const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);

/// Where a page leads, and what it allows.
type Pages = BTreeMap<usize, (usize, Permissions)>;

/// The pages of each map at first: long enough to have a hole cut into it.
const LONG: usize = 4;

/// A readable map of `count` pages at page `first`, whose frames begin with the number `frame`.
fn lead_to(first: usize, frame: usize, count: usize) -> VirtualMemoryMap {
    map(first * PAGE, (frame * PAGE) as u64, count * PAGE, READ)
}

/// All pages of the space: the model is compared with them.
fn view(space: &Space) -> Pages {
    let maps = space.memory_maps();
    maps.flat_map(|map| {
        let first = map.vmarea().start().get() / PAGE;
        let frame = usize::try_from(map.pmarea().unwrap().start().get()).unwrap() / PAGE;
        let count = map.vmarea().size() / PAGE;
        (0..count).map(move |page| (first + page, (frame + page, map.permissions())))
    })
    .collect()
}

/// Empties `pages` of the model.
fn remove(model: &mut Pages, pages: Range<usize>) {
    model.retain(|page, _| !pages.contains(page));
}

/// Makes a verb at random on the space and on the model. Verbs that must not be refused are unwrapped; moves and
/// changes of permissions may meet a hole, and change nothing then.
fn step(space: &mut Space, model: &mut Pages, random: &mut Random, limit: usize) {
    let first = random.below(limit);
    let most = [3, 40, 300][random.below(3)];
    let count = 1 + random.below(most);
    let frame = 1_000_000 + 1_000 * random.below(100_000);
    match random.below(6) {
        0 | 1 => {
            space.unmap(pages(first, count.min(5))).unwrap();
            remove(model, first..first + count.min(5));
        }
        2 => {
            let (to, behind) = (random.below(2 * limit), random.below(4));
            let (old, new) = (pages(first, count + behind), pages(to, count));
            if space.remap(old, new) == Ok(()) && to != first {
                let moved: Vec<_> = (0..count).map(|page| model[&(first + page)]).collect();
                remove(model, first..first + count + behind);
                model.extend((to..).zip(moved));
            } else if to == first {
                remove(model, first + count..first + count + behind);
            }
        }
        // All free pages of a span, as maps that do not join, from the last to the first.
        3 => {
            let free = (first..first + count).filter(|page| !model.contains_key(page));
            let free: Vec<usize> = free.collect();
            let maps = free
                .iter()
                .rev()
                .map(|&page| lead_to(page, frame + 2 * page, 1));
            let restored = space.restore_memory_maps(maps).map_err(MapError::from);
            assert_eq!(restored, Ok(()));
            model.extend(free.iter().map(|&page| (page, (frame + 2 * page, READ))));
        }
        4 => {
            space
                .replace_memory_map(lead_to(first, frame, count))
                .unwrap();
            model.extend((0..count).map(|page| (first + page, (frame + page, READ))));
        }
        _ => {
            let permissions = [READ, RW][random.below(2)];
            if space.protect(pages(first, count), permissions).is_ok() {
                let changed = model.range_mut(first..first + count);
                changed.for_each(|(_, page)| page.1 = permissions);
            }
        }
    }
}

// 78 maps fill one leaf; 164 fill two and begin a third; more make neighbours on both sides, and inner nodes.
#[test]
fn no_page_is_lost_between_leaves_that_are_full() {
    for (seed, maps) in [(1, 78), (2, 164), (3, 600), (4, 2_500)] {
        let mut random = Random(seed);
        for _ in 0..20 {
            let mut space = Space::new(NoPageTable::new());
            for at in 0..maps {
                let map = lead_to(LONG * at, 9 * at, LONG);
                space.add_memory_map(map).unwrap();
            }
            let mut model = view(&space);
            for _ in 0..60 {
                step(&mut space, &mut model, &mut random, LONG * maps);
                space.check_invariants().unwrap();
                assert!(view(&space) == model, "seed {seed}, {maps} maps");
            }
        }
    }
}
