//! Programs for which there are too few frames: a call answers so, a touch ends the program, and the kernel goes on.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::{Outcome, Seen, all_back, check};
use crate::frames::{self, Scarcity};
use crate::mode::LEVELS;
use crate::process::{End, Ended, Faults, NO_MEMORY, Processes, WORKER};
use crate::user::Entry;

const PAGES: usize = 8;

pub fn run() {
    check("out of memory, touch", touch);
    check("out of memory, fork", fork);
    check("out of memory, exec", exec);
}

/// Runs a program, for so many turns as if there were no end of frames, and then with few. All must end as expected,
/// and all frames be back.
fn starve(entry: Entry, with: [usize; 3], turns: usize, left: usize, expected: Vec<Ended>) -> Seen {
    let before = frames::free();
    let mut processes = Processes::default();
    processes.start(entry, with)?;
    for _ in 0..turns {
        processes.turn();
    }
    let scarcity = Scarcity::all_but(left);
    let ended = processes.run();
    drop(scarcity);
    ensure!(
        ended == expected,
        "with {left} frames, {ended:?}, not {expected:?}"
    );
    all_back(before)
}

/// The first page takes a table of each level but the root's, and a second of the lowest.
fn touch() -> Outcome {
    let enough = LEVELS + PAGES;
    for left in 0..=enough {
        let end = match left {
            _ if left == enough => End::Exited(PAGES),
            _ => End::Starved,
        };
        let faults = Faults {
            mapped: usize::from(left >= LEVELS - 1),
            zeroed: left.saturating_sub(LEVELS),
            ..Faults::default()
        };
        starve(
            Entry::Worker,
            [PAGES, 0, 0],
            0,
            left,
            vec![(1, end, faults)],
        )?;
    }
    Ok(format!(
        "ended with 0 to {} frames, at the page for which there was none; done with {enough}",
        enough - 1
    ))
}

/// With few frames, the parent goes on without a child. With more, it has one, and is ended where it copies; the child
/// has all pages alone then, and writes them without a frame.
fn fork() -> Outcome {
    // The child has a root, two tables of pages, and what leads to them.
    let tables = LEVELS + 1;
    let with = [PAGES, 1, 0];
    for left in 0..=tables + PAGES {
        let alone = Faults {
            mapped: 1,
            zeroed: PAGES,
            ..Faults::default()
        };
        let expected = match left.checked_sub(tables) {
            None => vec![(1, End::Exited(NO_MEMORY), alone)],
            Some(copied) => {
                let end = match copied {
                    PAGES => End::Exited(0),
                    _ => End::Starved,
                };
                let reused = Faults {
                    reused: PAGES,
                    ..Faults::default()
                };
                let parent = Faults { copied, ..alone };
                vec![(1, end, parent), (2, End::Exited(0), reused)]
            }
        };
        starve(Entry::Family, with, 1, left, expected)?;
    }
    Ok(format!(
        "refused with 0 to {} frames; ended at a copy with {tables} to {}, and its child wrote on; done with {}",
        tables - 1,
        tables + PAGES - 1,
        tables + PAGES
    ))
}

/// A space takes a root and a page of code to begin with. Where they are there, the old space's frames serve the new.
fn exec() -> Outcome {
    let enough = 2;
    for left in 0..=enough {
        let before = Faults {
            mapped: 1,
            ..Faults::default()
        };
        let after = Faults {
            mapped: 2,
            zeroed: 1,
            ..Faults::default()
        };
        let expected = if left < enough {
            (1, End::Exited(NO_MEMORY), before)
        } else {
            (1, End::Exited(1), after)
        };
        starve(Entry::Becomer, [WORKER, 1, 0], 1, left, vec![expected])?;
    }
    Ok(format!(
        "refused with 0 and 1 frames, and the old program went on; done with {enough}"
    ))
}
