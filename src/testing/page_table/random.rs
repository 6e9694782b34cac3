//! Random edits against a page-by-page model.

use alloc::vec::Vec;

use super::pages::Pages;
use super::place::{LARGEST, NONE, R, RW, RXU, block, part, sure};
use super::space::Space;
use crate::area::MemoryArea;
use crate::backend::Run;
use crate::backend::{Edit, PageTableBackend};
use crate::testing::rng::Rng;

/// The law, in words.
pub(super) const LAW: &str =
    "random edits leave every page as a model with one entry a page has it";

/// A run for each of these, on a backend of its own.
pub(super) const SEEDS: [u64; 3] = [1, 0x9e37_79b9_7f4a_7c15, 0xdead_beef];

/// How many verbs a run makes.
const VERBS: usize = 400;

/// How many pages of the window lie before the border in its middle: some more than a small block has.
const HALF: usize = 520;

/// Random verbs leave every page as a model says that keeps one entry for each page.
///
/// Each verb has one to four random edits, or moves pages, in a window around a border that the largest leaves do not
/// cross. On either side of the border lies a little more than one small block: so tables on two branches are made,
/// split and given back. One verb in four is reserved and abandoned, and one edit in two that is alone is made in one
/// call.
pub(super) fn edits_agree_with_a_model<B: PageTableBackend>(space: &mut Space<'_, B>, seed: u64) {
    let mut rng = Rng::new(seed);
    let window = window(&space.backend);
    let mut model = Pages::absent::<B>(window.area);
    for verb in 0..VERBS {
        let edits = edits::<B>(&mut rng, window);
        let is_abandoned = rng.below(4) == 0;
        match edits[..] {
            _ if is_abandoned => space.abandon(&edits),
            [edit] if rng.below(2) == 0 => space.at_once(edit),
            _ => space.verb(&edits),
        }
        if !is_abandoned {
            edits.iter().for_each(|&edit| model.edit::<B>(edit));
        }
        model.agrees(space, format_args!("seed {seed:#x}, verb {verb}"));
    }
}

/// The pages that are edited, and frames that are congruent with them: so large leaves can come about.
fn window<B: PageTableBackend>(backend: &B) -> Run {
    let behind = sure(block(backend, LARGEST).or_else(|| block(backend, 1 << 10)));
    let half = HALF * B::PAGE_SIZE;
    let start = sure(behind.area.start().checked_sub(half));
    let area = sure(MemoryArea::from_start_size(start, 2 * half).ok());
    Run {
        area,
        first: sure(behind.first.checked_sub(half)),
        ..behind
    }
}

/// One to four edits for one verb. None speaks of pages that an edit before it has mapped, as the contract has it for
/// edits that are reserved together: such edits are left out.
fn edits<B: PageTableBackend>(rng: &mut Rng, window: Run) -> Vec<Edit> {
    if rng.below(6) == 0 {
        return moved::<B>(rng, window.area);
    }
    let mut edits = Vec::new();
    let mut mapped = Vec::new();
    for _ in 0..=rng.below(4) {
        let edit = edit::<B>(rng, window);
        let (Edit::Map(Run { area, .. })
        | Edit::Unmap(area)
        | Edit::Protect(area, _)
        | Edit::Shift { to: area, .. }) = edit;
        if mapped
            .iter()
            .all(|mapped: &MemoryArea| !mapped.overlaps(&area))
        {
            edits.push(edit);
            mapped.extend(matches!(edit, Edit::Map(_)).then_some(area));
        }
    }
    edits
}

/// The edits that move pages of the window, as a manager makes them: from one side of the border to the other, or back.
fn moved<B: PageTableBackend>(rng: &mut Rng, window: MemoryArea) -> Vec<Edit> {
    let pages = rng.below(HALF) + 1;
    let [left, right] = [0, HALF].map(|half| half + rng.below(HALF - pages + 1));
    let [left, right] = [left, right].map(|skipped| part::<B>(window, skipped, pages));
    let (from, to) = if rng.below(2) == 0 {
        (left, right)
    } else {
        (right, left)
    };
    Vec::from([Edit::Unmap(to), Edit::Shift { from, to }, Edit::Unmap(from)])
}

/// One edit of some pages of the window: mostly a map, often to frames that are not congruent with the pages.
fn edit<B: PageTableBackend>(rng: &mut Rng, window: Run) -> Edit {
    let area = area::<B>(rng, window.area);
    let permissions = rng.one_of(&[NONE, R, RW, RXU]).unwrap_or(R);
    let further = rng.below(1024) * B::PAGE_SIZE;
    match rng.below(5) {
        0 => Edit::Unmap(area),
        1 => Edit::Protect(area, permissions),
        2 => Edit::Map(
            window
                .leading_further(further)
                .inside(area)
                .allowing(permissions),
        ),
        _ => Edit::Map(window.inside(area).allowing(permissions)),
    }
}

/// Some pages of the window. Starts and sizes are often those of whole blocks, or one page off: there leaves are split
/// and tables begin.
fn area<B: PageTableBackend>(rng: &mut Rng, window: MemoryArea) -> MemoryArea {
    let (any_start, any_size) = (rng.below(2 * HALF), rng.below(64) + 1);
    let skipped = rng
        .one_of(&[0, 7, 8, 519, 520, any_start, any_start, any_start])
        .unwrap_or(0);
    let pages = rng
        .one_of(&[1, 511, 512, 1024, any_size, any_size, any_size])
        .unwrap_or(1);
    part::<B>(window, skipped, pages.min(2 * HALF - skipped))
}
