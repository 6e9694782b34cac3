//! No map is lost for want of room: leaves that are nearly full, filled further at their borders.

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{FreeSearch, MapError, MemoryArea, Permissions, VirtAddr, VirtualMemoryMap};

use crate::subject::{Builder as _, PAGE, map, pages};
use crate::tree::{Random, Space, leak};

const READ: Permissions = Permissions::READ;

/// One page at `page` that leads to `frame`.
fn one(page: usize, frame: usize) -> VirtualMemoryMap {
    map(page * PAGE, (frame * PAGE) as u64, PAGE, READ)
}

/// As many maps as fill `leaves` leaves when they come in address order, `apart` pages from start to start.
fn full(leaves: usize, apart: usize) -> Space {
    Space::new(NoPageTable::new())
        .with_all((0..61 * leaves).map(|index| one(apart * index, 1000 + 9 * index)))
}

#[test]
fn replacing_the_last_map_of_a_full_leaf_keeps_the_new_one() {
    let mut space = full(4, 2);
    let before = space.memory_maps().len();
    for index in (40..61).rev() {
        space
            .replace_memory_map(one(2 * index, 500_000 + 5 * index))
            .unwrap();
        assert_eq!(space.memory_maps().len(), before);
        space.check_invariants().unwrap();
    }
}

#[test]
fn restoring_into_leaves_that_are_partly_full_loses_nothing() {
    const LEAVES: usize = 40;
    for (keep, added) in [
        (17, 39),
        (31, 31),
        (47, 14),
        (48, 15),
        (48, 16),
        (55, 7),
        (61, 1),
        (61, 39),
    ] {
        let mut space = full(LEAVES, 4);
        for leaf in 0..LEAVES {
            for index in keep..61 {
                space.unmap(pages(4 * (61 * leaf + index), 1)).unwrap();
            }
        }
        let before = space.memory_maps().len();
        let new = |leaf: usize| {
            (0..added).map(move |index| one(4 * (61 * leaf + index) + 2, 900_000 + 9 * index))
        };
        space
            .restore_memory_maps((0..LEAVES).flat_map(new))
            .unwrap();
        space.check_invariants().unwrap();
        assert_eq!(
            space.memory_maps().len(),
            before + LEAVES * added,
            "{keep} {added}"
        );
    }
}

#[test]
fn restoring_into_one_full_leaf_loses_nothing() {
    let full = || {
        let mut space = Space::with_nodes(NoPageTable::new(), leak(1));
        let fill = |&page: &usize| space.add_memory_map(one(2 * page, 7 * page)).is_ok();
        let count = (0..).take_while(fill).count();
        space.allow_heap();
        (space, count)
    };
    for first in 0..full().1 {
        let (mut space, count) = full();
        // As many as a leaf that is said to be full still takes, and one.
        let new = (first..first + 3).map(|page| one(2 * page + 1, 900_000 + 9 * page));
        space.restore_memory_maps(new).unwrap();
        space.check_invariants().unwrap();
        assert_eq!(space.memory_maps().len(), count + 3, "{first}");
    }
}

#[test]
fn restoring_many_maps_into_one_hole_loses_nothing() {
    for (before, hole) in [(50, 0), (50, 20), (50, 50), (2_000, 0), (2_000, 999)] {
        let mut space = Space::new(NoPageTable::new());
        for index in 0..before {
            let page = if index < hole { index } else { 10_000 + index };
            space.add_memory_map(one(2 * page, 7 * page)).unwrap();
        }
        let new = (5_000..6_000).map(|page| one(2 * page, 7 * page));
        space.restore_memory_maps(new).unwrap();
        space.check_invariants().unwrap();
        assert_eq!(space.memory_maps().len(), before + 1_000, "{before} {hole}");
    }
}

#[test]
fn moving_many_maps_between_full_leaves_loses_nothing() {
    const MAPS: usize = 61 * 8;
    for hole in [61 * 5, 61 * 5 + 10, 61 * 6, MAPS] {
        for first in (0..61).step_by(4) {
            for count in [1, 3, 40, 70, 95, 140] {
                let mut space = Space::new(NoPageTable::new());
                for index in 0..MAPS {
                    let page = if index < hole { index } else { 10_000 + index };
                    space.add_memory_map(one(page, 7 * index)).unwrap();
                }
                space
                    .remap(pages(first, count), pages(5_000, count))
                    .unwrap();
                space.check_invariants().unwrap();
                let moved = space.memory_maps_in(pages(5_000, count));
                let expected =
                    (first..first + count).map(|index| one(5_000 + index - first, 7 * index));
                assert!(
                    moved.map(|map| map.to_map()).eq(expected),
                    "{count} from {first} to {hole}"
                );
                assert_eq!(space.memory_maps().len(), MAPS);
            }
        }
    }
}

#[test]
fn a_full_space_can_still_be_emptied_map_by_map() {
    for nodes in 1..12 {
        let mut space = Space::with_nodes(NoPageTable::new(), leak(nodes));
        let mut maps = 0;
        while space.add_memory_map(one(2 * maps, 7 * maps)).is_ok() {
            maps += 1;
        }
        assert!(matches!(
            space.add_memory_map(one(2 * maps, 0)).unwrap_err().error(),
            MapError::OutOfNodes { .. }
        ));
        space.restore_memory_maps([]).unwrap();
        space.protect(pages(0, 1), Permissions::EXECUTE).unwrap();
        for index in 0..maps {
            space.unmap(pages(2 * index, 1)).unwrap();
            space.check_invariants().unwrap();
        }
        assert_eq!(space.memory_maps().len(), 0);
        let again = (0..)
            .take_while(|&index| space.add_memory_map(one(2 * index, 7 * index)).is_ok())
            .count();
        assert_eq!(again, maps, "a node was lost");
    }
}

#[test]
fn the_last_pages_of_the_address_space_are_searched_as_any_others() {
    const PAGES: usize = 300;
    let base = usize::MAX - (PAGES * PAGE - 1);
    let mut random = Random(99);
    for _ in 0..100 {
        let all = MemoryArea::new(VirtAddr::new(base), VirtAddr::new(usize::MAX)).unwrap();
        let mut space = Space::new(NoPageTable::over([all]));
        let mut used = [false; PAGES];
        for _ in 0..PAGES {
            let page = random.below(PAGES);
            let added = space.add_memory_map(map(
                base + page * PAGE,
                (5 * page * PAGE) as u64,
                PAGE,
                READ,
            ));
            assert_eq!(added.is_ok(), !used[page]);
            used[page] = true;
        }
        space.check_invariants().unwrap();
        for page in 0..PAGES {
            let index = space.search_memory_map_idx(VirtAddr::new(base + page * PAGE + (PAGE - 1)));
            assert_eq!(
                index,
                used[page].then(|| used[..page].iter().filter(|used| **used).count())
            );
        }
        let first = random.below(PAGES);
        let within = MemoryArea::new(
            VirtAddr::new(base + first * PAGE),
            VirtAddr::new(usize::MAX),
        )
        .unwrap();
        let count = 1 + random.below(4);
        let fits =
            |&page: &usize| page + count <= PAGES && !used[page..page + count].contains(&true);
        let page_of = |area: MemoryArea| (area.start().get() - base) / PAGE;
        let search = FreeSearch::new(count * PAGE, within);
        assert_eq!(
            space.find_free(search).map(page_of),
            (first..PAGES).find(fits)
        );
        assert_eq!(
            space.find_free(search.highest()).map(page_of),
            (first..PAGES).rev().find(fits)
        );
        assert_eq!(space.find_free_area(usize::MAX - 4095, 1, within), None);
    }
}

#[test]
fn a_move_beside_a_full_leaf_that_is_cut_loses_nothing() {
    for (hole, first, last) in [(110, 45, 96), (100, 40, 91), (110, 45, 100)] {
        let mut space = Space::new(NoPageTable::new());
        for index in 0..132 {
            let phys = (100_000 + 9 * index) * PAGE;
            space
                .add_memory_map(map(4 * index * PAGE, phys as u64, 4 * PAGE, READ))
                .unwrap();
        }
        space.unmap(pages(4 * hole + 1, 1)).unwrap();
        let (start, end) = (4 * first, 4 * last + 1);
        let old = pages(start, end + 2 - start);
        space.remap(old, pages(1 << 20, end - start)).unwrap();
        space.check_invariants().unwrap();
        let left = 4 * 132 - 1 - 2;
        let held: usize = space
            .memory_maps()
            .map(|map| map.vmarea().size() / PAGE)
            .sum();
        let gone = usize::from((start..end).contains(&(4 * hole + 1)));
        assert_eq!((held, gone), (left, 0));
    }
}
