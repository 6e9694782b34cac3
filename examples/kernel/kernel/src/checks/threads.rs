//! Threads of one space on all CPUs, which touch the same pages at the same time: each page is committed once.
//! Meanwhile system calls change other maps of the space.

use alloc::format;

use kernel_vm::MapError;

use super::faults::spoil;
use super::{Outcome, Seen, all_back, check, skip};
use crate::layout::{PAGE, area};
use crate::lock::Lock;
use crate::memory::{R, RW, U, anonymous};
use crate::mode::LEVELS;
use crate::process::{Faults, call};
use crate::user::{Entry, Trap, UserSpace, registers};
use crate::{cpus, frames, kernel_space};

/// The pages, in a table of their own.
const AT: usize = 0x1000_0000;
const PAGES: usize = 256;
const ROUNDS: usize = 4;
/// What is mapped, protected and unmapped meanwhile, and how often.
const BESIDE: usize = AT + 2 * PAGES * PAGE;
const CALLS: usize = 200;
/// What a page has besides: a root, two tables of pages and what leads to them, and a page of code.
const BESIDES: usize = 1 + LEVELS + 1;

const NAME: &str = "threads";

pub fn run() {
    if cpus::count() == 1 {
        skip(NAME, "one CPU faults on one page at a time");
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

/// Runs this CPU's thread.
fn one_thread(user: &UserSpace, tally: &Lock<Tally>) {
    user.activate();
    let id = cpus::this().id();
    let with = [AT, AT + PAGES * PAGE, 8 * (id + 1), id + 1, cpus::count()];
    let mut thread = registers(Entry::Thread, &with);
    let mut faults = Faults::default();
    let trap = user.run_with(&mut thread, |_, done| faults.count(done));
    let end = (trap, thread.call(), thread.arg(0));
    kernel_space::activate();
    let mut tally = tally.lock();
    tally.faults += faults;
    tally.failed += usize::from(end != (Trap::Call, call::EXIT, 0));
}

/// System calls of this CPU's thread: each changes the maps of the space, under its lock.
fn calls(user: &UserSpace) -> Result<(), MapError> {
    let beside = area(BESIDE, PAGES * PAGE);
    for _ in 0..CALLS {
        user.change().add_memory_map(anonymous(beside, RW | U)?)?;
        user.change().protect(area(BESIDE, PAGE), R | U)?;
        user.change().unmap(beside)?;
    }
    Ok(())
}

/// Each page has the words of all CPUs, and nothing else.
fn judge(user: &UserSpace) -> Seen {
    let cpus = cpus::all();
    let expected = |word: usize| match word.checked_sub(1) {
        None => cpus::count(),
        Some(id) if id < 64 && cpus.0 >> id & 1 == 1 => word,
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
    let user = UserSpace::with_program()?;
    let map = anonymous(area(AT, PAGES * PAGE), RW | U)?;
    user.change().add_memory_map(map)?;
    let tally = Lock::new(Tally::default());
    for _ in 0..ROUNDS {
        let job = || one_thread(&user, &tally);
        cpus::with_others(&job, || calls(&user).map(|()| job()))?;
        judge(&user)?;
        user.look().check_invariants()?;
        let used = before - frames::free();
        ensure!(used == PAGES + BESIDES, "{used} frames are used");
        user.change().discard(area(AT, PAGES * PAGE))?;
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
        "{} pages committed once each by {} CPUs, which came too late for {} of them, beside {} edits",
        faults.zeroed,
        cpus::count(),
        faults.others,
        3 * CALLS * ROUNDS
    ))
}
