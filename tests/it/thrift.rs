//! Verbs that end with no more maps than before need no node: giving memory back does not fail for want of memory.

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{MapError, Permissions, VirtualMemoryMap};

use crate::subject::{Builder as _, PAGE, map, pages};
use crate::tree::{Random, Space, leak};

const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);

/// The pages from one map to the next, of which a map has three.
const STRIDE: usize = 4;

/// Three pages at position `at`, read-only at odd positions, whose frames continue nothing.
fn three(at: usize) -> VirtualMemoryMap {
    let permissions = if at % 2 == 0 { RW } else { READ };
    let first = ((10_000 + 8 * at) * PAGE) as u64;
    map(STRIDE * at * PAGE, first, 3 * PAGE, permissions)
}

/// A space in so many nodes of its own, filled to the last map that they take; and how many those are.
fn full(nodes: usize) -> (Space, usize) {
    let mut space = Space::with_nodes(NoPageTable::new(), leak(nodes));
    let count = (0..)
        .take_while(|&at| space.add_memory_map(three(at)).is_ok())
        .count();
    (space, count)
}

type Verb = fn(&mut Space, usize) -> Result<(), MapError>;

fn first_page(at: usize) -> usize {
    STRIDE * at
}

/// A page that continues the map at `at`, in virtual and in physical memory.
fn behind(at: usize) -> VirtualMemoryMap {
    let first = ((10_000 + 8 * at + 3) * PAGE) as u64;
    let permissions = three(at).permissions();
    map((first_page(at) + 3) * PAGE, first, PAGE, permissions)
}

const VERBS: [(&str, Verb); 9] = [
    ("restrict ten maps and the holes between", |space, at| {
        space.restrict(pages(first_page(at), 10 * STRIDE), READ)
    }),
    ("replace a map by another of its size", |space, at| {
        let new = map(first_page(at) * PAGE, 0, 3 * PAGE, READ);
        Ok(space.replace_memory_map(new)?)
    }),
    ("replace ten maps by one", |space, at| {
        let new = map(first_page(at) * PAGE, 0, 10 * STRIDE * PAGE, READ);
        Ok(space.replace_memory_map(new)?)
    }),
    ("unmap the first page of a map", |space, at| {
        space.unmap(pages(first_page(at), 1))
    }),
    ("unmap the last page of a map", |space, at| {
        space.unmap(pages(first_page(at) + 2, 1))
    }),
    ("unmap from one map to the tenth behind", |space, at| {
        space.unmap(pages(first_page(at) + 1, 10 * STRIDE))
    }),
    ("add a page that continues a map", |space, at| {
        Ok(space.add_memory_map(behind(at))?)
    }),
    (
        "protect a page that joins the map before it",
        |space, at| {
            space.add_memory_map(behind(at))?;
            space.unmap(pages(first_page(at), 1))?;
            let page = pages(first_page(at) + 3, 1);
            // Apart first, in the place of the page that has gone; then one again.
            space.unmap(page)?;
            let other = if three(at).permissions() == RW {
                READ
            } else {
                RW
            };
            space.protect(pages(first_page(at) + 1, 2), other)
        },
    ),
    ("restore nothing", |space, _| {
        Ok(space.restore_memory_maps([])?)
    }),
];

#[test]
fn verbs_that_leave_no_more_maps_need_no_node() {
    for nodes in [1, 2, 4, 7, 20, 45] {
        for (name, verb) in VERBS {
            let count = full(nodes).1;
            for at in (0..count).step_by(count.div_ceil(70)) {
                let (mut space, count) = full(nodes);
                let done = verb(&mut space, at);
                assert_eq!(done, Ok(()), "{name} at {at} of {count}, {nodes} nodes");
                space.check_invariants().unwrap();
                assert!(space.memory_maps().len() <= count, "{name}");
            }
        }
    }
}

#[test]
fn a_page_that_joins_its_neighbour_is_protected_without_a_node() {
    for nodes in [1, 4, 7] {
        // Two maps that differ in permissions and continue each other, then maps apart until the nodes are full.
        let fill = || {
            let mut space = Space::with_nodes(NoPageTable::new(), leak(nodes));
            let mut count = 0;
            for pair in 0.. {
                let first = 10 * pair;
                let left = map(first * PAGE, (100 * pair * PAGE) as u64, 3 * PAGE, READ);
                let phys = ((100 * pair + 3) * PAGE) as u64;
                let right = map((first + 3) * PAGE, phys, 3 * PAGE, RW);
                for map in [left, right] {
                    if space.add_memory_map(map).is_err() {
                        return (space, count);
                    }
                    count += 1;
                }
            }
            unreachable!()
        };
        let (_, count) = fill();
        for pair in 0..count / 2 {
            let (mut space, count) = fill();
            let first = 10 * pair;
            space.protect(pages(first + 3, 1), READ).unwrap();
            space.check_invariants().unwrap();
            space.protect(pages(first + 2, 2), RW).unwrap();
            space.check_invariants().unwrap();
            assert_eq!(space.memory_maps().len(), count);
        }
    }
}

/// A new leaf, and a new root above both. A change at two borders may need as many again, and this is at one.
#[test]
fn a_cut_at_one_border_asks_for_what_one_split_takes() {
    let (mut space, _) = full(1);
    for page in [first_page(2), first_page(2) + 2] {
        let cut = space.protect(pages(page, 1), READ);
        assert_eq!(cut, Err(MapError::OutOfNodes { needed: 2 }));
    }
}

/// They have the same permissions then, and other frames: none of them joins, and two are cut.
#[test]
fn maps_that_do_not_continue_each_other_make_no_room() {
    let (mut space, count) = full(1);
    let maps: Vec<_> = space.memory_maps().map(|map| map.vmarea()).collect();
    let two_cuts = pages(first_page(2) + 1, 2 * STRIDE);
    let refused = space.restrict(two_cuts, READ);
    assert!(matches!(refused, Err(MapError::OutOfNodes { .. })));
    space.check_invariants().unwrap();
    let left = space.memory_maps().map(|map| map.vmarea());
    assert!(maps.len() == count && left.eq(maps));
}

#[test]
fn a_leaf_that_is_full_stays_so_where_maps_join_in_another() {
    // Three nodes: two leaves. Maps 80 and 81 continue each other, but for their permissions.
    let mut space = Space::with_nodes(NoPageTable::new(), leak(3));
    for at in 0..123 {
        let phys = if at == 81 { 8 * 80 + 4 } else { 8 * at };
        let permissions = if at == 81 { RW } else { READ };
        let map = map(4 * at * PAGE, (phys * PAGE) as u64, 4 * PAGE, permissions);
        if space.add_memory_map(map).is_err() {
            break;
        }
    }
    let before = space.memory_maps().len();
    assert!(before > 100 || cfg!(kernel_vm_small_nodes), "{before}");
    let _ = space.unmap(pages(4 * 3 + 1, 1));
    for first in [20, 25, 30, 35] {
        let answer = space.protect(pages(4 * first + 2, 4 * (81 - first) - 2), RW);
        assert!(matches!(
            answer,
            Ok(()) | Err(MapError::OutOfNodes { .. } | MapError::NotMapped { .. })
        ));
        space.check_invariants().unwrap();
    }
}

#[test]
fn any_map_in_a_full_node_can_move() {
    let (_, count) = full(1);
    for at in 0..count {
        for to in [first_page((at + 7) % count), 1 << 20] {
            let (mut space, _) = full(1);
            space.remap(pages(first_page(at), 3), pages(to, 3)).unwrap();
            space.check_invariants().unwrap();
            assert!(space.memory_maps().len() <= count);
        }
    }
}

#[test]
fn the_only_map_in_the_only_node_can_move() {
    let mut space = Space::with_nodes(NoPageTable::new(), leak(1)).with(three(0));
    space.remap(pages(0, 3), pages(100, 3)).unwrap();
    space.remap(pages(101, 1), pages(0, 1)).unwrap();
    space.check_invariants().unwrap();
    assert_eq!(space.memory_maps().len(), 3);
}

/// How many maps a random move can want room for.
const MAX_MOVED: usize = 62;

/// A random verb. Answers which it was, and what came of it.
fn random_verb(
    space: &mut Space,
    random: &mut Random,
    limit: usize,
) -> (usize, Result<(), MapError>) {
    let first = random.below(limit);
    let most = if random.below(8) == 0 { 60 } else { 6 };
    let count = 1 + random.below(most);
    let permissions = if random.below(2) == 0 { READ } else { RW };
    let verb = random.below(5);
    let lead_to = |frame: usize| {
        let (first, size) = (first * PAGE, count * PAGE);
        map(first, (frame * PAGE) as u64, size, permissions)
    };
    let answer = match verb {
        0 => space.unmap(pages(first, count)),
        1 => space.protect(pages(first, count), permissions),
        2 => space.add_memory_map(lead_to(first)).map_err(MapError::from),
        // Mostly continues what is there.
        3 => space
            .replace_memory_map(lead_to(first + random.below(8) / 7))
            .map_err(MapError::from),
        _ => {
            let to = random.below(limit);
            space.remap(pages(first, count), pages(to, count))
        }
    };
    (verb, answer)
}

#[test]
fn a_full_space_does_what_one_with_a_heap_does_or_would_end_with_more_maps() {
    for nodes in [1, 2, 4, 9] {
        let mut random = Random(7 + nodes as u64);
        let mut space = Space::with_nodes(NoPageTable::new(), leak(nodes));
        let mut twin = Space::new(NoPageTable::new());
        let limit = 400 * nodes;
        let (mut refused, mut done) = (0, 0);
        for step in 0..30_000 {
            let before = twin.memory_maps().len();
            let (seed, mut spare) = (random.0, Random(random.0));
            let (verb, answer) = random_verb(&mut space, &mut random, limit);
            let maps: Vec<_> = twin.memory_maps().map(|map| map.to_map()).collect();
            let (_, expected) = random_verb(&mut twin, &mut spare, limit);
            space.check_invariants().unwrap();
            match answer {
                Err(MapError::OutOfNodes { .. }) => {
                    refused += 1;
                    assert_eq!(expected, Ok(()));
                    let after = twin.memory_maps().len();
                    // A reservation knows nothing of joins of what comes; and a move may want room where others are.
                    let joins = match verb {
                        0..3 => 0,
                        3 => 2,
                        _ => MAX_MOVED,
                    };
                    assert!(
                        after + joins > before,
                        "step {step}, seed {seed:#x}, {nodes} nodes: {before} maps"
                    );
                    twin = Space::new(NoPageTable::new());
                    twin.restore_memory_maps(maps).unwrap();
                }
                answer => {
                    done += usize::from(answer.is_ok());
                    assert_eq!(answer, expected);
                }
            }
            assert!(
                space.memory_maps().eq(twin.memory_maps()),
                "step {step}, seed {seed:#x}"
            );
        }
        assert!(
            refused > 20 && done > 5_000,
            "{refused} refused, {done} done, {nodes} nodes"
        );
    }
}
