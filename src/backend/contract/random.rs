//! Random edits against a page-by-page model.

use alloc::vec::Vec;

use super::pages::Pages;
use super::place::{LARGEST, NONE, R, RW, RXU, block, part, sure};
use super::space::Space;
use crate::area::MemoryArea;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::rng::Rng;
use crate::backend::run::Run;

const SEEDS: [u64; 3] = [1, 0x9e37_79b9_7f4a_7c15, 0xdead_beef];
const VERBS: usize = 400;

/// How many pages of the window lie before the border in its middle: some more than a small block has.
const HALF: usize = 520;

/// Verbs of one to four random edits, over a little more than one small block on either side of a border that the
/// largest leaves do not cross: after each verb, every page is as a model says that keeps one entry for each page.
pub fn random_edits_agree_with_a_page_by_page_model<B: PageTableBackend>(
    make: impl Fn() -> B,
    in_use: impl Fn(&B) -> usize,
) {
    for seed in SEEDS {
        let mut space = Space::new(
            "random edits agree with a page-by-page model",
            &make,
            &in_use,
        );
        let mut rng = Rng::new(seed);
        let window = window(&space.backend);
        let mut model = Pages::absent::<B>(window.area);
        for verb in 0..VERBS {
            let edits = edits::<B>(&mut rng, window);
            if rng.below(4) == 0 {
                abandon(&space, &edits);
            } else {
                space.verb(&edits);
                edits.iter().for_each(|&edit| model.edit::<B>(edit));
            }
            model.agrees(&space.backend, (space.law, seed, verb));
        }
        space.end();
    }
}

/// The pages that are edited, and frames that are congruent with them.
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

/// Up to four edits for one verb; none speaks of pages that one before it has mapped.
fn edits<B: PageTableBackend>(rng: &mut Rng, window: Run) -> Vec<Edit> {
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

/// Some pages of the window; often whole blocks, or one page less.
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

/// Reserves the edits, and does not make them.
fn abandon<B: PageTableBackend, U: Fn(&B) -> usize>(space: &Space<B, U>, edits: &[Edit]) {
    let before = space.in_use();
    let reserved = space.reserve(edits);
    space.backend.unreserve(reserved);
    assert_eq!(
        space.in_use(),
        before,
        "{}: {edits:?} were unreserved, and left something in use",
        space.law
    );
}
