//! Threads of one space on all harts, which touch the same pages at the same time: each page is committed once.

use alloc::format;

use super::faults::spoil;
use super::{Outcome, Seen, all_back, check, not_here};
use crate::layout::{PAGE, area};
use crate::lock::Lock;
use crate::memory::{RW, U, anonymous};
use crate::mode::LEVELS;
use crate::process::{Faults, call};
use crate::user::{A0, A1, A2, A3, A4, A7, Entry, Registers, Trap, UserSpace};
use crate::{frames, harts, kernel_space};

/// The pages, in a table of their own.
const AT: usize = 0x1000_0000;
const PAGES: usize = 256;
const ROUNDS: usize = 4;
/// What a page has besides: a root, two tables of pages and what leads to them, and a page of code.
const BESIDES: usize = 1 + LEVELS + 1;

const NAME: &str = "threads";

pub fn run() {
    if harts::count() == 1 {
        not_here(NAME, "one hart faults on one page at a time");
    } else {
        check(NAME, threads);
    }
}

/// What all threads together have seen.
#[derive(Default)]
struct Tally {
    faults: Faults,
    /// Threads that did not end as they should.
    failed: usize,
}

/// Runs this hart's thread.
fn one_thread(user: &UserSpace, tally: &Lock<Tally>) {
    user.activate();
    let id = harts::this().id();
    let mut thread = Registers::new(Entry::Thread.addr());
    let with = [AT, AT + PAGES * PAGE, 8 * (id + 1), id + 1, harts::count()];
    for (register, value) in [A0, A1, A2, A3, A4].into_iter().zip(with) {
        thread.x[register] = value;
    }
    let mut faults = Faults::default();
    let trap = user.run_with(&mut thread, |_, done| faults.count(done));
    let end = (trap, thread.x[A7], thread.x[A0]);
    kernel_space::activate();
    let mut tally = tally.lock();
    tally.faults += faults;
    tally.failed += usize::from(end != (Trap::Call, call::EXIT, 0));
}

/// Each page has the words of all harts, and nothing else.
fn judge(user: &UserSpace) -> Seen {
    let harts = harts::all();
    let expected = |word: usize| match word.checked_sub(1) {
        None => harts::count(),
        Some(id) if id < 64 && harts.0 >> id & 1 == 1 => word,
        Some(_) => 0,
    };
    for page in (AT..AT + PAGES * PAGE).step_by(PAGE) {
        let mut bytes = [0; PAGE];
        user.read(page, &mut bytes)?;
        for (number, word) in bytes.chunks(8).enumerate() {
            ensure!(
                word == expected(number).to_ne_bytes(),
                "word {number} of {page:#x} is {word:x?}"
            );
        }
    }
    Ok(())
}

fn threads() -> Outcome {
    spoil(2 * PAGES);
    let before = frames::free();
    let mut user = UserSpace::with_program()?;
    let map = anonymous(area(AT, PAGES * PAGE), RW | U)?;
    user.space.add_memory_map(map)?;
    let tally = Lock::new(Tally::default());
    for _ in 0..ROUNDS {
        let job = || one_thread(&user, &tally);
        harts::with_others(&job, &job);
        judge(&user)?;
        user.space.check_invariants()?;
        let used = before - frames::free();
        ensure!(used == PAGES + BESIDES, "{used} frames are used");
        user.space.discard(area(AT, PAGES * PAGE))?;
    }
    drop(user);
    all_back(before)?;
    let Tally { faults, failed } = &*tally.lock();
    ensure!(*failed == 0, "{failed} threads went wrong");
    let expected = Faults {
        mapped: faults.mapped,
        zeroed: PAGES * ROUNDS,
        copied: 0,
        reused: 0,
        others: faults.others,
    };
    ensure!(*faults == expected, "{faults:?}");
    Ok(format!(
        "{} pages committed once each by {} harts, which came too late for {} of them",
        faults.zeroed,
        harts::count(),
        faults.others
    ))
}
