//! A leaf beside a model too simple to be wrong: a sorted vector of maps.
//!
//! Random edits over a small space, from an empty leaf to one at its capacity: lines are split, spill over and close.
//! After each edit every answer of the leaf is compared, and it is audited.

extern crate std;

use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::vec::Vec;

use super::leaf::Leaf;
use super::size::{FULL, HALVES, LEAF, LEAF_LINES, SLOTS};
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::map::{Content, VirtualMemoryMap};
use crate::permissions::Permissions;
use crate::violation::Violation;

/// So many addresses, from `first` on: maps of a byte show what whole pages would hide.
const UNITS: usize = 400;

/// Where they begin: at the first address, or so that they end with the last.
const FIRST: [usize; 2] = [0, usize::MAX - (UNITS - 1)];

/// The first byte, the last byte, and which map it is.
type Map = (usize, usize, u64);

/// Numbers that look random, the same in each run.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }
}

struct Model {
    first: usize,
    maps: Vec<Map>,
}

impl Model {
    const fn new(first: usize) -> Self {
        let maps = Vec::new();
        Self { first, maps }
    }
}

/// The content that tells map `id` from the others.
fn content(id: u64) -> Content<()> {
    let (start, first) = (VirtAddr::new(0), crate::addr::PhysAddr::new(id << 12));
    let area = MemoryArea::from_start_size(start, 0x1000).expect("it fits");
    let memory = MemoryArea::from_start_size(first, 0x1000).expect("it fits");
    let map = VirtualMemoryMap::new(area, memory, Permissions::READ, false);
    map.expect("it is as large").into_parts().1
}

fn id(map: &VirtualMemoryMap) -> u64 {
    map.view().first().expect("it is physical").get() >> 12
}

fn told(map: &VirtualMemoryMap) -> Map {
    let area = map.vmarea();
    (area.start().get(), area.end().get(), id(map))
}

/// Compares every answer of the leaf, and audits it.
fn check(leaf: &Leaf<()>, model: &Model) {
    assert!(leaf.is_sound());
    assert_eq!(leaf.len(), model.maps.len());
    let mut at = 0;
    let mut before = None;
    for (rank, &(start, end, id)) in model.maps.iter().enumerate() {
        let map = leaf.get(at).expect("the model has one");
        let first = map.first().expect("it is physical").get() >> 12;
        assert_eq!((leaf.start(at), leaf.end(at), first), (start, end, id));
        assert_eq!(
            (leaf.rank(at), leaf.nth(rank), leaf.before(at)),
            (rank, at, before)
        );
        for addr in [start, end] {
            assert_eq!(leaf.lower_bound(addr), at);
            assert!(leaf.find(addr).is_some());
        }
        before = Some(at);
        at = leaf.after(at);
    }
    assert!(leaf.get(at).is_none());
    assert_eq!((leaf.last(), leaf.before(at)), (before, before));
    assert_eq!((leaf.start(at), leaf.end(at)), (usize::MAX, usize::MAX));
    let pairs = model.maps.windows(2).map(|pair| (pair[0].1, pair[1].0));
    let gaps: Vec<_> = pairs.filter(|(end, start)| start - end > 1).collect();
    let largest = gaps.iter().map(|(end, start)| start - end - 1).max();
    assert_eq!(leaf.max_gap(), largest.unwrap_or(0));
    assert_eq!(leaf.gaps_of(0..LEAF, 1).collect::<Vec<_>>(), gaps);
}

/// Adds a map where there is room for it, and a gap.
fn insert(leaf: &mut Leaf<()>, model: &mut Model, start: usize, size: usize, id: u64) {
    let end = start + (size - 1);
    let rank = model.maps.partition_point(|map| map.1 < start);
    let is_free = model.maps.get(rank).is_none_or(|map| map.0 > end);
    if is_free && leaf.len() < LEAF {
        let area = MemoryArea::bounds(start, end);
        let at = leaf.insert_at(leaf.lower_bound(start), area, content(id));
        assert_eq!((leaf.start(at), leaf.end(at)), (start, end));
        model.maps.insert(rank, (start, end, id));
    }
}

/// One edit of the map with `rank` maps before it.
fn edit(leaf: &mut Leaf<()>, model: &mut Model, random: &mut Random, rank: usize, new: u64) {
    let at = leaf.nth(rank);
    let (start, end, id) = model.maps[rank];
    let most = model.maps.get(rank + 1).map(|map| map.0 - 1);
    let most = most.unwrap_or(model.first + (UNITS - 1));
    match random.below(6) {
        0 => {
            let gone = leaf.remove_at(at).expect("it is there");
            assert_eq!(told(&gone), model.maps.remove(rank));
        }
        1 if start < end && leaf.len() < LEAF => {
            // Half of the time there is no gap between the two.
            let last = start + random.below(end - start);
            let first = last + 1 + random.below(end - last) * random.below(2);
            let at = leaf.split_at(at, [last, first], content(new));
            assert_eq!((leaf.start(at), leaf.end(at)), (first, end));
            model.maps[rank].1 = last;
            model.maps.insert(rank + 1, (first, end, new));
        }
        2 => {
            let end = start + random.below(most - start + 1);
            leaf.set_end(at, end);
            model.maps[rank].1 = end;
        }
        3 => {
            let low = rank
                .checked_sub(1)
                .map_or(model.first, |left| model.maps[left].1 + 1);
            let start = low + random.below(end - low + 1);
            leaf.set_start(at, start);
            model.maps[rank].0 = start;
        }
        4 if rank + 1 < model.maps.len() => {
            let gone = if most == end {
                leaf.swallow_next(at)
            } else {
                leaf.fill_next(at)
            };
            let gone = gone.expect("it is there");
            let (first, last, _) = model.maps.remove(rank + 1);
            assert_eq!(
                (gone.vmarea().start().get(), id),
                (first, model.maps[rank].2)
            );
            model.maps[rank].1 = last;
        }
        _ => {
            // Of the maps that leave, a sink that panics has got some, and the others stay.
            let (end, most) = (start.saturating_add(random.below(60)), random.below(8));
            let mut out = Vec::new();
            let drained = catch_unwind(AssertUnwindSafe(|| {
                leaf.drain_through(at, end, |map| {
                    out.push(told(&map));
                    if out.len() > most {
                        // A panic that no hook prints.
                        resume_unwind(Box::new(()));
                    }
                })
            }));
            let gone = model.maps[rank..].iter().take_while(|map| map.1 <= end);
            let gone = gone.count().min(most + 1);
            assert_eq!(out, model.maps.drain(rank..rank + gone).collect::<Vec<_>>());
            assert_eq!(drained.is_ok(), gone <= most);
        }
    }
}

#[test]
fn a_leaf_is_as_the_model_says_after_each_edit() {
    for seed in 1..=60 {
        let mut random = Random::new(seed);
        let mut leaf = Leaf::new();
        let mut model = Model::new(FIRST[random.below(2)]);
        // Some leaves stay nearly empty, and others nearly full.
        let inserts = 2 + random.below(9);
        for step in 1..400 {
            if model.maps.is_empty() || random.below(10) < inserts {
                let size = 1 + random.below(3);
                let start = model.first + random.below(UNITS + 1 - size);
                insert(&mut leaf, &mut model, start, size, step);
            } else {
                let rank = random.below(model.maps.len());
                edit(&mut leaf, &mut model, &mut random, rank, step);
            }
            check(&leaf, &model);
        }
    }
}

#[test]
fn a_leaf_fills_to_its_capacity_in_any_order() {
    for seed in 1..=40 {
        let mut random = Random::new(seed);
        let (mut leaf, mut model) = (Leaf::new(), Model::new(0));
        let mut starts: Vec<usize> = (0..LEAF).map(|number| 4 * number).collect();
        match seed {
            1 => {}
            2 => starts.reverse(),
            _ => (1..LEAF).for_each(|last| starts.swap(last, random.below(last + 1))),
        }
        for (number, start) in starts.into_iter().enumerate() {
            insert(&mut leaf, &mut model, start, 2, number as u64);
            check(&leaf, &model);
        }
        assert_eq!(leaf.len(), LEAF);
        while let Some(map) = leaf.pop() {
            assert_eq!(Some(told(&map)), model.maps.pop());
            check(&leaf, &model);
        }
    }
}

#[test]
fn maps_move_between_leaves_in_order() {
    for seed in 1..=200 {
        let mut random = Random::new(seed);
        let mut leaves = [Leaf::new(), Leaf::new()];
        let mut models = [Model::new(0), Model::new(UNITS)];
        for (side, count) in [(0, random.below(LEAF / 2)), (1, random.below(LEAF / 2))] {
            for id in 0..count as u64 {
                let start = UNITS * side + random.below(UNITS - 8);
                insert(&mut leaves[side], &mut models[side], start, 2, id);
            }
        }
        let [left, right] = &mut leaves;
        let [left_model, right_model] = &mut models;
        if seed % 2 == 0 {
            let kept = random.below(left.len() + 1);
            left.move_tail(kept, right);
            let moved = left_model.maps.split_off(kept);
            right_model.maps.splice(0..0, moved);
        } else {
            let count = random.below(right.len() + 1);
            right.move_head(count, left);
            left_model.maps.extend(right_model.maps.drain(..count));
        }
        check(left, left_model);
        check(right, right_model);
    }
}

/// Each number that others follow from is wrong once, and the audit finds it.
#[test]
fn the_audit_finds_each_number_that_is_wrong() {
    let filled = || {
        let (mut leaf, mut model) = (Box::new(Leaf::new()), Model::new(0));
        for id in 0..SLOTS + SLOTS / 2 {
            insert(&mut leaf, &mut model, 3 * id + id % 5, 1, id as u64);
        }
        for rank in [SLOTS, 3, 3] {
            let at = leaf.nth(rank);
            leaf.remove_at(at);
        }
        leaf
    };
    let is_found = |change: &dyn Fn(&mut Leaf<()>)| {
        let mut leaf = filled();
        change(&mut leaf);
        leaf.audit().is_err()
    };
    assert!(!is_found(&|_| ()));
    assert!(Leaf::<()>::new().audit().is_err());
    let leaf = filled();
    let places = (0..LEAF_LINES).flat_map(|line| (0..SLOTS).map(move |slot| (line, slot)));
    for (line, slot) in places {
        let is_free = leaf.masks[line] >> slot & 1 == 0;
        if is_free {
            assert!(
                is_found(&|leaf| leaf.ends[line][slot] ^= 1),
                "{line}, {slot}"
            );
            assert!(
                is_found(&|leaf| leaf.starts[line][slot] ^= 1),
                "{line}, {slot}"
            );
        } else {
            let backwards =
                |leaf: &mut Leaf<()>| leaf.starts[line][slot] = leaf.ends[line][slot] + 1;
            assert!(is_found(&backwards), "{line}, {slot}");
        }
        assert!(
            is_found(&|leaf| leaf.masks[line] ^= 1 << slot),
            "{line}, {slot}"
        );
    }
    for line in 0..LEAF_LINES {
        for half in 0..HALVES {
            assert!(
                is_found(&|leaf| leaf.pilot[line][half] ^= 1),
                "{line}, {half}"
            );
        }
        assert!(is_found(&|leaf| leaf.gaps[line] += 1), "{line}");
    }
    for wrong in [-1, 1] {
        assert!(is_found(
            &|leaf| leaf.len = leaf.len.wrapping_add_signed(wrong)
        ));
        assert!(is_found(
            &|leaf| leaf.used = leaf.used.wrapping_add_signed(wrong)
        ));
    }
    // Two maps that touch are in order; one byte more, and they are not.
    let at = leaf.nth(1);
    let (line, slot) = (at / SLOTS, at % SLOTS);
    let (before, start) = (leaf.end(leaf.nth(0)), leaf.start(at));
    let overlap = move |leaf: &mut Leaf<()>| leaf.starts[line][slot] -= start - before;
    let mut wrong = filled();
    overlap(&mut wrong);
    assert!(matches!(wrong.audit(), Err(Violation::Unordered { .. })));
    // As many maps as an edit may have on its way are too many between edits.
    let (mut full, mut model) = (Box::new(Leaf::new()), Model::new(0));
    for id in 0..FULL {
        insert(&mut full, &mut model, 2 * id, 1, id as u64);
    }
    assert!(full.audit().is_ok());
    insert(&mut full, &mut model, 2 * FULL, 1, 0);
    assert!(full.audit().is_err());
}
