//! The tree of maps by itself: many maps, few nodes, and every short sequence there is.

use std::collections::BTreeMap;
use std::ops::Range;

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{
    FreeSearch, MapError, MemoryArea, Node, Permissions, PhysAddr, VirtAddr, VirtualMemoryManager,
    VirtualMemoryMap,
};

use rangemap::RangeMap;

use crate::subject::{PAGE, map, pages};

const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);

pub type Space = VirtualMemoryManager<NoPageTable>;

/// Marsaglia's xorshift64*.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) as usize % limit
    }
}

/// A page of the model: the frame, and whether it may be written.
type Page = Option<(u64, bool)>;

#[derive(Clone, Copy, Debug)]
enum Op {
    Replace {
        first: usize,
        count: usize,
        frame: u64,
    },
    Unmap {
        first: usize,
        count: usize,
    },
    Protect {
        first: usize,
        count: usize,
        write: bool,
    },
    Remap {
        old: usize,
        new: usize,
        count: usize,
    },
}

const fn permissions(write: bool) -> Permissions {
    if write { RW } else { READ }
}

fn apply(space: &mut Space, model: &mut [Page], op: Op) -> Result<(), MapError> {
    match op {
        Op::Replace {
            first,
            count,
            frame,
        } => {
            let map = map(first * PAGE, frame * PAGE as u64, count * PAGE, READ);
            space.replace_memory_map(map)?;
            model[first..first + count]
                .iter_mut()
                .zip(frame..)
                .for_each(|(page, frame)| *page = Some((frame, false)));
        }
        Op::Unmap { first, count } => {
            space.unmap(pages(first, count))?;
            model[first..first + count].fill(None);
        }
        Op::Protect {
            first,
            count,
            write,
        } => {
            space.protect(pages(first, count), permissions(write))?;
            model[first..first + count]
                .iter_mut()
                .flatten()
                .for_each(|page| page.1 = write);
        }
        Op::Remap { old, new, count } => {
            space.remap(pages(old, count), pages(new, count))?;
            if old != new {
                let moved = model[old..old + count].to_vec();
                model[old..old + count].fill(None);
                model[new..new + count].copy_from_slice(&moved);
            }
        }
    }
    Ok(())
}

/// The maps that a model has: everything joined that can be.
fn maps(model: &[Page]) -> Vec<VirtualMemoryMap> {
    let mut runs: Vec<(usize, usize, u64, bool)> = Vec::new();
    for (page, &entry) in model.iter().enumerate() {
        let Some((frame, write)) = entry else {
            continue;
        };
        match runs.last_mut() {
            Some((first, count, start, with))
                if *first + *count == page && *start + *count as u64 == frame && *with == write =>
            {
                *count += 1;
            }
            _ => runs.push((page, 1, frame, write)),
        }
    }
    let map = |(first, count, frame, write): (usize, usize, u64, bool)| {
        map(
            first * PAGE,
            frame * PAGE as u64,
            count * PAGE,
            permissions(write),
        )
    };
    runs.into_iter().map(map).collect()
}

fn compare(space: &Space, model: &[Page]) {
    space.check_invariants().unwrap();
    let expected = maps(model);
    assert_eq!(space.memory_maps().len(), expected.len());
    assert!(
        space
            .memory_maps()
            .zip(&expected)
            .all(|(seen, expected)| seen == expected.view())
    );
}

/// The second oracle: runs of pages with the same distance to their frames, joined by somebody else's code.
type Ranges = RangeMap<usize, (i64, bool)>;

fn apply_to_ranges(ranges: &mut Ranges, op: Op) {
    let inside = |ranges: &Ranges, area: Range<usize>| -> Vec<(Range<usize>, (i64, bool))> {
        let cut = |run: &Range<usize>| run.start.max(area.start)..run.end.min(area.end);
        ranges
            .overlapping(&area)
            .map(|(run, value)| (cut(run), *value))
            .collect()
    };
    match op {
        Op::Replace {
            first,
            count,
            frame,
        } => ranges.insert(first..first + count, (frame as i64 - first as i64, false)),
        Op::Unmap { first, count } => ranges.remove(first..first + count),
        Op::Protect {
            first,
            count,
            write,
        } => {
            for (run, (distance, _)) in inside(ranges, first..first + count) {
                ranges.insert(run, (distance, write));
            }
        }
        Op::Remap { old, new, count } if old != new => {
            let moved = inside(ranges, old..old + count);
            ranges.remove(old..old + count);
            ranges.remove(new..new + count);
            let by = new as i64 - old as i64;
            for (run, (distance, write)) in moved {
                ranges.insert(
                    run.start - old + new..run.end - old + new,
                    (distance - by, write),
                );
            }
        }
        Op::Remap { .. } => {}
    }
}

fn compare_ranges(space: &Space, ranges: &Ranges) {
    let seen = space.memory_maps().map(|map| {
        let (first, count) = (
            map.vmarea().start().get() / PAGE,
            map.vmarea().size() / PAGE,
        );
        let frame = map.pmarea().unwrap().start().get() / PAGE as u64;
        (
            first..first + count,
            (frame as i64 - first as i64, map.permissions() == RW),
        )
    });
    assert!(seen.eq(ranges.iter().map(|(run, value)| (run.clone(), *value))));
}

/// The lowest `count` free pages behind `from`.
fn first_fit(model: &[Page], count: usize, from: usize, end: usize) -> Option<usize> {
    let mut free = 0;
    for (page, entry) in model.iter().enumerate().take(end).skip(from) {
        free = if entry.is_none() { free + 1 } else { 0 };
        if free == count {
            return Some(page + 1 - count);
        }
    }
    None
}

/// One random look at each kind of lookup.
fn look(space: &Space, model: &[Page], random: &mut Random) {
    let page = random.below(model.len());
    let addr = VirtAddr::new(page * PAGE + random.below(PAGE));
    let expected = model[page]
        .map(|(frame, _)| PhysAddr::new(frame * PAGE as u64 + (addr.get() % PAGE) as u64));
    assert_eq!(space.translate_vaddr(addr), expected);
    let index = space.search_memory_map_idx(addr);
    assert_eq!(
        index.and_then(|index| space.get_memory_map(index)),
        space.search_memory_map(addr)
    );
    let (count, from) = (1 + random.below(12), random.below(model.len() - 1));
    let end = from + 1 + random.below(model.len() - from);
    let end = end.min(model.len());
    let found = space.find_free_area(count * PAGE, 1, pages(from, end - from));
    assert_eq!(
        found.map(|area| area.start().get() / PAGE),
        first_fit(model, count, from, end),
        "{count} {from} {end}"
    );
    look_for_gaps(space, model, random, (count, from, end));
    let inside = space.memory_maps_in(pages(from, end - from)).count();
    let by_position = space
        .memory_maps()
        .filter(|map| map.vmarea().overlaps(&pages(from, end - from)))
        .count();
    assert_eq!(inside, by_position);
}

/// Highest first, aligned with an offset, from a hint, and all holes.
fn look_for_gaps(
    space: &Space,
    model: &[Page],
    random: &mut Random,
    (count, from, end): (usize, usize, usize),
) {
    let window = pages(from, end - from);
    let page_of = |area: Option<MemoryArea>| area.map(|area| area.start().get() / PAGE);
    let is_free = |first: usize| {
        first + count <= end && model[first..first + count].iter().all(Option::is_none)
    };
    let (align, offset) = (1 << random.below(5), random.below(40));
    let fits = |first: &usize| first % align == offset % align && is_free(*first);
    let search = FreeSearch::new(count * PAGE, window).aligned(align * PAGE, offset * PAGE);
    assert_eq!(
        page_of(space.find_free(search)),
        (from..end).find(fits),
        "{count} {from} {end} {align} {offset}"
    );
    assert_eq!(
        page_of(space.find_free(search.highest())),
        (from..end).rev().find(fits),
        "highest"
    );
    let hint = random.below(model.len());
    let behind = (from.max(hint)..end).find(fits);
    let expected = behind.or_else(|| (from..end).find(fits));
    assert_eq!(
        page_of(space.find_free_from(VirtAddr::new(hint * PAGE), search)),
        expected,
        "from {hint}"
    );
    let holes: Vec<MemoryArea> = space.holes(window).collect();
    let expected: Vec<MemoryArea> = model_holes(model, from, end);
    assert_eq!(holes, expected);
    let largest = expected.iter().map(|hole| hole.size()).max();
    assert_eq!(
        space.largest_hole(window),
        expected
            .into_iter()
            .find(|hole| Some(hole.size()) == largest)
    );
}

fn model_holes(model: &[Page], from: usize, end: usize) -> Vec<MemoryArea> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for page in (from..end).filter(|&page| model[page].is_none()) {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == page => *count += 1,
            _ => runs.push((page, 1)),
        }
    }
    runs.into_iter()
        .map(|(first, count)| pages(first, count))
        .collect()
}

fn random_op(random: &mut Random, pages: usize) -> Op {
    let first = random.below(pages - 40);
    let count = if random.below(50) == 0 {
        1 + random.below(39)
    } else {
        1 + random.below(3)
    };
    match random.below(8) {
        // Frames that are seldom continued by their neighbours, so that maps stay many.
        0..4 => Op::Replace {
            first,
            count,
            frame: (2 * first + random.below(3)) as u64,
        },
        4 => Op::Unmap { first, count },
        5 | 6 => Op::Protect {
            first,
            count,
            write: random.below(2) == 0,
        },
        _ => {
            let new = random.below(pages - 40);
            let apart = first + count <= new || new + count <= first;
            Op::Remap {
                old: first,
                new: if apart { new } else { first },
                count,
            }
        }
    }
}

/// Random operations; how often the whole is compared.
fn run(seed: u64, size: usize, steps: usize, every: usize) -> usize {
    let mut random = Random(seed);
    let mut space = Space::new(NoPageTable::new());
    let mut model = vec![None; size];
    let mut ranges = Ranges::new();
    let mut most = 0;
    for step in 0..steps {
        let op = random_op(&mut random, size);
        match apply(&mut space, &mut model, op) {
            Ok(()) => apply_to_ranges(&mut ranges, op),
            Err(MapError::NotMapped { .. }) => {}
            Err(error) => panic!("{op:?}: {error}"),
        }
        look(&space, &model, &mut random);
        if step % every == 0 {
            compare(&space, &model);
            compare_ranges(&space, &ranges);
        }
        most = most.max(space.memory_maps().len());
    }
    compare(&space, &model);
    let removed: Vec<_> = space.remove_all_memory_maps().collect();
    assert_eq!(removed, maps(&model));
    space
        .restore_memory_maps(removed.into_iter().rev())
        .unwrap();
    compare(&space, &model);
    most
}

#[test]
fn random_edits_agree_with_a_page_by_page_model_after_every_step() {
    for seed in 1..9 {
        assert!(
            run(seed, 600, 3_000, 1) > 128,
            "too few maps for inner nodes"
        );
    }
}

#[test]
fn a_hundred_thousand_edits_among_thousands_of_maps_agree_with_the_model() {
    assert!(
        run(42, 12_000, 100_000, 500) > 4_000,
        "too few maps for two levels of inner nodes"
    );
}

/// Every operation over `size` pages, with two kinds of frames.
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
            ]
        })
        .collect()
}

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

pub fn leak(count: usize) -> &'static mut [Node] {
    Box::leak((0..count).map(|_| Node::new()).collect())
}

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
