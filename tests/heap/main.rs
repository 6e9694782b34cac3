//! A heap that runs out: every allocation of every verb fails in turn, and nothing has changed then.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails should stop where it fails"
)]

mod allocator;
mod verbs;

use std::cmp::Reverse;

use kernel_vm::backend::PageTableBackend;
use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{MapError, Node, VirtualMemoryMap};

use allocator::{failing, held};
use verbs::{
    AWAY, Fill, LONG, PAGE, SHORT, STRIDE, Space, THRIFTY, Verb, add, map, maps, pages, scatter,
    space,
};

/// A map, a leaf that is full (of small nodes, and of those of any kernel), a tree of two levels, and one of three.
const SIZES: [usize; 5] = [1, 30, 78, 700, 3_000];

/// How many positions are tried for those where a verb asks for most.
const POSITIONS: usize = 64;

/// Maps that come in address order fill their leaves; those that come in any other leave room in most.
const FILLS: [Fill; 2] = [Fill::Ascending, Fill::Scattered];

/// Positions where `verb` asks for most, and the first and the last.
fn positions(verb: &Verb, size: usize, fill: Fill) -> Vec<usize> {
    let asked = |at: usize| {
        let mut space = space(size, verb.has_holes, fill);
        let (answer, allocations) = failing(0, || (verb.run)(&mut space, at));
        answer.unwrap();
        allocations
    };
    let mut positions: Vec<usize> = (0..size).step_by(size.div_ceil(POSITIONS)).collect();
    positions.sort_by_cached_key(|&at| Reverse(asked(at)));
    positions.truncate(3);
    positions.extend([0, size - 1]);
    positions
}

/// Lets the first, second … allocation of `verb` fail until none does. Answers how many there were.
fn fail_each(verb: &Verb, size: usize, fill: Fill, at: usize) -> usize {
    let space = || space(size, verb.has_holes, fill);
    let before = maps(&space());
    let mut after = space();
    (verb.run)(&mut after, at).unwrap();
    let after = maps(&after);
    assert_ne!(before, after, "{}: nothing to see", verb.name);
    for n in 1.. {
        let context = format!("{} at {at} of {size}, {fill:?}, allocation {n}", verb.name);
        let mut space = space();
        let (answer, allocations) = failing(n, || (verb.run)(&mut space, at));
        let sound = space.check_invariants();
        assert_eq!(sound, Ok(()), "{context}");
        match answer {
            Ok(()) => {
                assert_eq!(maps(&space), after, "{context}");
                assert_eq!(allocations, n - 1, "a failure went unseen: {context}");
                return allocations;
            }
            Err(MapError::OutOfNodes { needed }) => assert!(needed > 0, "{context}"),
            Err(error) => panic!("{error}: {context}"),
        }
        assert_eq!(allocations, n, "it went on after a failure: {context}");
        assert_eq!(maps(&space), before, "{context}");
        (verb.run)(&mut space, at).unwrap();
        assert_eq!(space.check_invariants(), Ok(()), "{context}");
        assert_eq!(maps(&space), after, "once there is memory: {context}");
    }
    unreachable!()
}

#[test]
fn every_failed_allocation_leaves_the_maps_as_they_were() {
    for verb in SHORT.iter().chain(&LONG) {
        for fill in FILLS {
            let held_before = held();
            let mut allocations = 0;
            for size in SIZES {
                for at in positions(verb, size, fill) {
                    allocations += fail_each(verb, size, fill, at);
                }
            }
            assert_eq!(held(), held_before, "{}: memory lost", verb.name);
            println!("{}, {fill:?}: {allocations} allocations failed", verb.name);
            assert!(allocations > 0, "{} asked for no memory", verb.name);
        }
    }
}

#[test]
fn every_failed_allocation_leaves_an_empty_space_empty() {
    for verb in SHORT.iter().chain(&LONG).filter(|verb| verb.has_holes) {
        let allocations = fail_each(verb, 0, Fill::Ascending, 0);
        assert!(allocations > 0, "{} asked for no memory", verb.name);
    }
}

#[test]
fn a_verb_that_leaves_no_more_maps_asks_for_no_memory() {
    for verb in &THRIFTY {
        for fill in FILLS {
            for size in SIZES {
                for at in (0..size).step_by(size.div_ceil(POSITIONS)) {
                    let mut space = space(size, verb.has_holes, fill);
                    let (answer, allocations) = failing(1, || (verb.run)(&mut space, at));
                    let context = format!("{} at {at} of {size}, {fill:?}", verb.name);
                    assert_eq!((answer, allocations), (Ok(()), 0), "{context}");
                    space.check_invariants().unwrap();
                    assert!(space.memory_maps().len() <= size, "{context}");
                }
            }
        }
    }
}

/// How many spare nodes a space may keep.
const KEPT: isize = 4;

#[test]
fn a_move_of_many_maps_keeps_no_more_nodes_than_it_says() {
    const MAPS: usize = 4_096;
    let start = held();
    let mut moving = space(MAPS, true, Fill::Ascending);
    let before = held();
    let (old, new) = (pages(0, STRIDE * MAPS - 1), pages(AWAY, STRIDE * MAPS - 1));
    for at in (0..MAPS).rev() {
        moving.unmap(pages(STRIDE * at + 3, 1)).unwrap();
    }
    let refused = moving.remap(old, new).unwrap_err();
    assert!(matches!(refused, MapError::NotMapped { .. }));
    drop(moving);
    assert_eq!(held(), start);
    let mut moving = space(MAPS, false, Fill::Ascending);
    let (old, new) = (pages(0, STRIDE * MAPS), pages(AWAY, STRIDE * MAPS));
    for n in [1, 5, 20] {
        let (answer, _) = failing(n, || moving.remap(old, new));
        assert!(matches!(answer, Err(MapError::OutOfNodes { .. })));
        assert!(
            held() <= before + KEPT,
            "refused: {} more nodes",
            held() - before
        );
    }
    for (from, to) in [(old, new), (new, old)] {
        moving.remap(from, to).unwrap();
        moving.check_invariants().unwrap();
        assert!(
            held() <= before + KEPT,
            "moved: {} more nodes",
            held() - before
        );
    }
    moving.unmap(old).unwrap();
    assert!(held() <= start + KEPT, "unmapped: {} nodes", held() - start);
}

#[test]
fn restoring_maps_keeps_no_more_nodes_than_it_says() {
    const MAPS: usize = 3_000;
    let start = held();
    let mut space = space(MAPS, true, Fill::Scattered);
    let before = held();
    let few = || (0..MAPS).step_by(30).map(|at| map(STRIDE * at + 3, 1));
    let (refused, asked) = failing(0, || {
        space.restore_memory_maps(few().chain([map(0, 1)])).is_err()
    });
    assert!(refused && asked < 40, "{asked} nodes asked for");
    assert!(
        held() <= before + KEPT,
        "refused: {} more nodes",
        held() - before
    );
    let (answer, asked) = failing(0, || {
        space.restore_memory_maps(few()).map_err(MapError::from)
    });
    assert_eq!(answer, Ok(()));
    assert!(asked < 150, "{asked} nodes asked for");
    assert!(
        held() < before + 40,
        "restored: {} more nodes",
        held() - before
    );
    drop(space);
    assert_eq!(held(), start);
}

#[test]
fn a_space_that_grows_while_the_heap_fails_is_as_one_whose_heap_does_not() {
    const MAPS: usize = 1_000;
    let (mut space, mut twin) = (
        space(MAPS, true, Fill::Ascending),
        space(MAPS, true, Fill::Ascending),
    );
    let mut failures = 0;
    for step in 0..10_000 {
        let run = SHORT[scatter(step, SHORT.len())].run;
        let at = scatter(step + 1, MAPS);
        let (mut answer, _) = failing(1 + step % 3, || run(&mut space, at));
        if let Err(MapError::OutOfNodes { .. }) = answer {
            failures += 1;
            space.check_invariants().unwrap();
            assert!(space.memory_maps().eq(twin.memory_maps()), "step {step}");
            answer = run(&mut space, at);
        }
        assert_eq!(answer, run(&mut twin, at), "step {step}");
    }
    space.check_invariants().unwrap();
    assert!(space.memory_maps().eq(twin.memory_maps()));
    assert!(space.memory_maps().len() > 2 * MAPS, "too few maps");
    assert!(failures > 30, "too few failures: {failures}");
}

#[test]
fn a_move_to_where_all_nodes_are_full_loses_nothing() {
    let mut growing = space(0, false, Fill::Ascending);
    let mut add = |at: usize| growing.add_memory_map(map(STRIDE * at, STRIDE)).unwrap();
    let asked: Vec<usize> = (0..5_000).map(|at| failing(0, || add(at)).1).collect();
    let most = *asked.iter().max().unwrap();
    assert!(most > 2, "no full node above a full leaf");
    for size in (0..asked.len()).filter(|&size| asked[size] == most) {
        // More than fit in a full leaf that is not split.
        let count = 3;
        let mut space = space(size, false, Fill::Ascending);
        let before = maps(&space);
        space
            .remap(pages(0, STRIDE * count), pages(AWAY, STRIDE * count))
            .unwrap();
        space.check_invariants().unwrap();
        let after = maps(&space);
        let (stayed, moved) = after.split_at(size - count);
        assert_eq!(stayed, &before[count..]);
        let frames = |maps: &[VirtualMemoryMap]| -> Vec<_> {
            maps.iter().map(VirtualMemoryMap::pmarea).collect()
        };
        assert_eq!(frames(moved), frames(&before[..count]));
    }
}

#[test]
fn what_cannot_fail_asks_for_no_memory() {
    let ((), allocations) = failing(1, || drop(Space::new(NoPageTable::new())));
    assert_eq!(allocations, 0, "an empty space");
    for size in SIZES {
        let mut space = space(size, true, Fill::Scattered);
        let all = space.backend().ranges()[0];
        let ((), allocations) = failing(1, || {
            space.populate(all).unwrap();
            assert_eq!(space.memory_maps_in(all).count(), size);
            assert_eq!(space.holes(all).count(), size);
            assert_eq!(space.largest_hole(all), space.holes(all).last());
            assert!(space.find_free_area(PAGE, 1 << 30, all).is_some());
            assert_eq!(space.search_memory_map_idx(all.start()), Some(0));
            assert!(space.remove_memory_map(size / 2).is_some());
            space.check_invariants().unwrap();
            assert_eq!(space.remove_all_memory_maps().count(), size - 1);
            drop(space);
        });
        assert_eq!(allocations, 0, "{size} maps");
    }
}

#[test]
fn a_space_with_nodes_of_its_own_asks_the_heap_only_when_it_may() {
    let nodes = Box::leak((0..5).map(|_| Node::new()).collect());
    let mut space = Space::with_nodes(NoPageTable::new(), nodes);
    let (count, allocations) = failing(1, || {
        (0..)
            .take_while(|&page| add(&mut space, 2 * page).is_ok())
            .count()
    });
    assert_eq!((allocations, space.memory_maps().len()), (0, count));
    let before = maps(&space);
    space.allow_heap();
    let (answer, allocations) = failing(1, || add(&mut space, 2 * count));
    assert!(matches!(answer, Err(MapError::OutOfNodes { .. })));
    assert_eq!((allocations, maps(&space)), (1, before));
    let (answer, allocations) = failing(0, || add(&mut space, 2 * count));
    assert!(allocations > 0);
    assert_eq!((answer, space.memory_maps().len()), (Ok(()), count + 1));
    space.check_invariants().unwrap();
}
