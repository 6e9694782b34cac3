//! Every kind of lookup, at random, against the model.
//!
//! The model answers by a scan of its pages: slowly, and in a way that has nothing in common with the tree's.

use kernel_vm::{FreeSearch, MemoryArea, PhysAddr, VirtAddr};

use super::edits::{Page, Random, Space};
use crate::subject::{PAGE, pages};

/// The first of the lowest `count` free pages that follow each other at `from..end`.
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

/// Asks the space for one thing of each kind, at random, and asserts that the model answers alike: a translation, a
/// rank, the lowest free area, and the maps in an area.
pub fn look(space: &Space, model: &[Page], random: &mut Random) {
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

/// Asks for free areas, and asserts that the model answers alike: lowest and highest first, aligned with an offset,
/// from a hint; all holes, and the largest.
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
    // At the hint or above first; if there is none, the whole window counts.
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
    // The lowest of the largest holes.
    let largest = expected.iter().map(|hole| hole.size()).max();
    assert_eq!(
        space.largest_hole(window),
        expected
            .into_iter()
            .find(|hole| Some(hole.size()) == largest)
    );
}

/// The runs of free pages of the model at `from..end`, as areas in address order.
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
