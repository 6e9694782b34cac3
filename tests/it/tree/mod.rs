//! The tree of maps by itself, over a page table that does nothing: many maps, few nodes, and every short sequence.
//!
//! The tree is reached by a space's verbs alone. [`edits`] has the model that it is compared with, page by page;
//! [`look`] asks the space and the model each question there is; [`dense`] fills leaves to their bound.

mod dense;
pub mod edits;
mod look;
mod merging;

use std::collections::BTreeMap;

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{MapError, MemoryArea, Node, VirtAddr, VirtualMemoryMap};

use crate::subject::{PAGE, map, pages};

use edits::{Op, RW, apply, compare, maps, random_op, run};
pub use edits::{Random, Space};

// Compared after every step, so that a failure names the edit that broke the tree.
#[test]
fn random_edits_agree_with_a_page_by_page_model_after_every_step() {
    for seed in 1..9 {
        assert!(
            run(seed, 600, 3_000, 1, &mut ()) > 128,
            "too few maps for inner nodes"
        );
    }
}

// Two levels of inner nodes: splits, merges and gaps have to climb through a node that is not the root.
#[test]
fn a_hundred_thousand_edits_among_thousands_of_maps_agree_with_the_model() {
    assert!(
        run(42, 12_000, 100_000, 500, &mut ()) > 4_000,
        "too few maps for two levels of inner nodes"
    );
}

/// Every operation over `size` pages: each span replaced, unmapped, made writable and made read-only. Frames ascend
/// with the pages, so neighbours join wherever both were replaced.
fn all_ops(size: usize) -> Vec<Op> {
    let spans = (0..size).flat_map(|first| (1..=size - first).map(move |count| (first, count)));
    spans
        .flat_map(|(first, count)| {
            [
                Op::Replace {
                    first,
                    count,
                    frame: 100 + first as u64,
                },
                Op::Unmap { first, count },
                Op::Protect {
                    first,
                    count,
                    write: true,
                },
                Op::Restrict { first, count },
            ]
        })
        .collect()
}

// The first operation is a replacement: any other finds an empty space. The last is undone by a restore of the maps
// before it, which is quicker than the three operations once more.
#[test]
fn all_sequences_of_four_operations_over_six_pages_agree_with_the_model() {
    const SIZE: usize = 6;
    let ops = all_ops(SIZE);
    let firsts = ops.iter().filter(|op| matches!(op, Op::Replace { .. }));
    for &first in firsts {
        for (&second, &third) in ops
            .iter()
            .flat_map(|second| ops.iter().map(move |third| (second, third)))
        {
            let mut space = Space::new(NoPageTable::new());
            let mut model = [None; SIZE];
            for op in [first, second, third] {
                let _ = apply(&mut space, &mut model, op);
            }
            compare(&space, &model);
            let before = model;
            for &last in &ops {
                let _ = apply(&mut space, &mut model, last);
                space.check_invariants().unwrap();
                assert!(
                    space
                        .memory_maps()
                        .eq(maps(&model).iter().map(VirtualMemoryMap::view)),
                    "{last:?}"
                );
                if model != before {
                    model = before;
                    space = Space::new(NoPageTable::new());
                    let maps = maps(&before);
                    space.restore_memory_maps(maps).unwrap();
                }
            }
        }
    }
}

// The two addresses where a neighbour's address would overflow.
#[test]
fn maps_at_address_0_and_at_the_last_byte_have_neighbours() {
    let mut space = Space::new(NoPageTable::new());
    let last = (usize::MAX >> 1) - 0xfff;
    space.add_memory_map(map(0, 0x8000_0000, PAGE, RW)).unwrap();
    space
        .add_memory_map(map(last, 0x9000_0000, PAGE, RW))
        .unwrap();
    space
        .add_memory_map(map(PAGE, 0x8000_1000, PAGE, RW))
        .unwrap();
    assert_eq!(space.memory_maps().len(), 2);
    let all = MemoryArea::new(VirtAddr::new(0), VirtAddr::new(usize::MAX - 1)).unwrap();
    assert_eq!(space.find_free_area(PAGE, PAGE, all), Some(pages(2, 1)));
    space.unmap(pages(0, 1)).unwrap();
    assert_eq!(space.find_free_area(PAGE, PAGE, all), Some(pages(0, 1)));
    space.check_invariants().unwrap();
}

/// `count` nodes for a space without a heap. Never freed: a space keeps its nodes for good.
pub fn leak(count: usize) -> &'static mut [Node] {
    Box::leak((0..count).map(|_| Node::new()).collect())
}

// From no node at all to enough for inner nodes: refusals come at every place where a verb may ask for a node.
#[test]
fn running_out_of_nodes_changes_nothing_and_the_heap_helps_later() {
    for count in 0..12 {
        let mut random = Random(7 + count as u64);
        let mut space = Space::with_nodes(NoPageTable::new(), leak(count));
        let mut model = vec![None; 2_000];
        let mut refused = 0;
        for step in 0..4_000 {
            let op = random_op(&mut random, model.len());
            let answer = apply(&mut space, &mut model, op);
            if let Err(MapError::OutOfNodes { needed }) = answer {
                assert!(needed > 0);
                refused += 1;
            }
            if step % 10 == 0 || answer.is_err() {
                compare(&space, &model);
            }
        }
        assert!(refused > 0, "{count} nodes were enough");
        space.allow_heap();
        for _ in 0..2_000 {
            let op = random_op(&mut random, model.len());
            let answer = apply(&mut space, &mut model, op);
            assert!(
                !matches!(answer, Err(MapError::OutOfNodes { .. })),
                "{op:?}"
            );
        }
        compare(&space, &model);
    }
}

// Three times, as a node that is lost shows when the next restore has one node less.
#[test]
fn a_restore_without_enough_nodes_hands_all_back_and_loses_no_node() {
    let mut space = Space::with_nodes(NoPageTable::new(), leak(6));
    let some = |count: usize| (0..count).map(|page| map(2 * page * PAGE, 0x8000_0000, PAGE, RW));
    for _ in 0..3 {
        let refused = space.restore_memory_maps(some(2_000)).unwrap_err();
        assert!(matches!(refused.error(), MapError::OutOfNodes { .. }));
        assert_eq!(refused.into_maps().count(), 2_000);
        assert_eq!(space.memory_maps().len(), 0);
    }
    space.restore_memory_maps(some(50)).unwrap();
    assert_eq!(space.remove_all_memory_maps().count(), 50);
}

// The least number of nodes in which all maps find room, by bisection, in each order that they may come in.
#[cfg(not(kernel_vm_small_nodes))]
#[test]
fn nodes_take_little_more_than_what_they_keep() {
    let stored = size_of::<VirtualMemoryMap>();
    for (fill, limit) in [("ascending", 1.2), ("descending", 1.2), ("random", 1.5)] {
        const MAPS: usize = 100_000;
        // A leaf's worth of nodes for every 16 maps is more than enough; what is used is counted.
        let mut order: Vec<usize> = (0..MAPS).collect();
        match fill {
            "descending" => order.reverse(),
            "random" => {
                let mut random = Random(3);
                (1..MAPS).for_each(|last| order.swap(last, random.below(last + 1)));
            }
            _ => {}
        }
        let bytes = |nodes: usize| nodes * size_of::<Node>();
        let fits = |nodes: usize| {
            let mut space = Space::with_nodes(NoPageTable::new(), leak(nodes));
            order.iter().all(|page| {
                space
                    .add_memory_map(map(2 * page * PAGE, 0x8000_0000, PAGE, RW))
                    .is_ok()
            })
        };
        let (mut few, mut many) = (1, MAPS / 16);
        while many - few > 16 {
            let middle = few.midpoint(many);
            if fits(middle) {
                many = middle;
            } else {
                few = middle;
            }
        }
        let ratio = bytes(many) as f64 / (MAPS * stored) as f64;
        println!(
            "{fill}: {:.1} bytes a map of {stored}, {ratio:.2}",
            bytes(many) as f64 / MAPS as f64
        );
        assert!(ratio <= limit, "{fill}: {ratio:.2}");
    }
}

// Maps lie three pages apart, and their frames seven: none joins, so the rank of each is known.
#[test]
fn positions_and_addresses_agree_at_a_hundred_thousand_maps() {
    let mut space = Space::new(NoPageTable::new());
    let expected: BTreeMap<usize, u64> = (0..100_000)
        .map(|page| (3 * page * PAGE, 7 * page as u64))
        .collect();
    let maps = expected
        .iter()
        .map(|(&start, &frame)| map(start, frame * PAGE as u64, PAGE, RW));
    space.restore_memory_maps(maps).unwrap();
    for (index, start) in expected.keys().enumerate().step_by(997) {
        assert_eq!(
            space.get_memory_map(index).unwrap().vmarea().start().get(),
            *start
        );
        assert_eq!(
            space.search_memory_map_idx(VirtAddr::new(*start)),
            Some(index)
        );
    }
    assert!(space.get_memory_map(100_000).is_none());
    space.check_invariants().unwrap();
}
