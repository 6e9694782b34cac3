//! Processes that fork, become other programs, and write what they share: each fault of each is counted.

use alloc::format;
use alloc::vec::Vec;

use kernel_vm::Access::Write;

use super::faults::spoil;
use super::{Outcome, all_back, check};
use crate::frames;
use crate::layout::PAGE;
use crate::probe::Fault;
use crate::process::{End, Ended, Faults, Processes};
use crate::user::{Entry, STACK, STACK_TOP};

pub fn run() {
    check("fork and exec", fork_and_exec);
    check("parent and child", parent_and_child);
    check("last sharer", last_sharer);
}

/// The page with the code comes by a fault, or together with the parent's.
const CODE: Faults = Faults {
    mapped: 1,
    zeroed: 0,
    copied: 0,
    reused: 0,
    others: 0,
};
const NONE: Faults = Faults { mapped: 0, ..CODE };

/// How many pages are written by all who share them.
const PAGES: usize = 16;

/// Runs a program, with its children, to the end of all.
fn run_all(entry: Entry, with: [usize; 3]) -> Result<Vec<Ended>, super::Wrong> {
    spoil(128);
    let before = frames::free();
    let mut processes = Processes::default();
    processes.start(entry, with)?;
    let ended = processes.run();
    all_back(before)?;
    Ok(ended)
}

/// Four children become other programs. Three find zeroes, in as many pages as they are told; one is stopped below its
/// stack.
fn fork_and_exec() -> Outcome {
    const WORKERS: usize = 3;
    let ended = run_all(Entry::Shell, [WORKERS, 0, 0])?;
    let shell = (1, End::Exited(WORKERS), CODE);
    let worker = |pages| {
        (
            1 + pages,
            End::Exited(pages),
            Faults {
                zeroed: pages,
                ..CODE
            },
        )
    };
    let stack = (STACK_TOP - STACK) / PAGE;
    let overrun = End::Stopped(Fault::of(Write, STACK - 8));
    let overrun = (
        2 + WORKERS,
        overrun,
        Faults {
            zeroed: stack,
            ..CODE
        },
    );
    let expected: Vec<_> = [shell]
        .into_iter()
        .chain((1..=WORKERS).map(worker))
        .chain([overrun])
        .collect();
    ensure!(ended == expected, "{ended:?}, not {expected:?}");
    let pages: usize = ended.iter().map(|(.., faults)| faults.zeroed).sum();
    Ok(format!(
        "{} processes, {pages} pages one by one, zeroed; one is stopped below its stack",
        ended.len()
    ))
}

/// The parent writes first, and copies; the child has the originals alone then.
fn parent_and_child() -> Outcome {
    let ended = run_all(Entry::Family, [PAGES, 1, 0])?;
    let parent = Faults {
        zeroed: PAGES,
        copied: PAGES,
        ..CODE
    };
    let child = Faults {
        reused: PAGES,
        ..NONE
    };
    let expected = [(1, End::Exited(0), parent), (2, End::Exited(0), child)];
    ensure!(ended == expected, "{ended:?}, not {expected:?}");
    Ok(format!(
        "each wrote the same {PAGES} pages and kept its own: {PAGES} copied by the first, {PAGES} reused by the second"
    ))
}

/// Children write what they share with each other and with their parent, who writes last.
fn last_sharer() -> Outcome {
    const CHILDREN: usize = 3;
    let before = frames::free();
    let mut processes = Processes::default();
    processes.start(Entry::Family, [PAGES, CHILDREN, 1])?;
    // The parent touches its pages; and then it forks.
    processes.turn();
    processes.turn();
    let taken = [(); CHILDREN + 1].map(|()| {
        let free = frames::free();
        processes.turn();
        free - frames::free()
    });
    ensure!(
        taken == [PAGES, PAGES, PAGES, 0],
        "{taken:?} frames are taken"
    );
    let ended = processes.run();
    all_back(before)?;
    let parent = Faults {
        zeroed: PAGES,
        reused: PAGES,
        ..CODE
    };
    let child = Faults {
        copied: PAGES,
        ..NONE
    };
    let children = (2..).map(|number| (number, End::Exited(0), child));
    let expected: Vec<_> = [(1, End::Exited(0), parent)]
        .into_iter()
        .chain(children.take(CHILDREN))
        .collect();
    ensure!(ended == expected, "{ended:?}, not {expected:?}");
    Ok(format!(
        "of 4 who share {PAGES} pages, the first 3 who write copy them, the last takes no frame"
    ))
}
