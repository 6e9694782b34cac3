//! Programs on all CPUs, in one space, that write and read a page while it is copied: who has seen what was written
//! never sees what was there before.

use alloc::format;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use kernel_vm::Done;

use super::{Outcome, Seen, all_back, check};
use crate::layout::{PAGE, area, direct};
use crate::memory::{Memory, RW, U, alloc, anonymous, provided};
use crate::process::call;
use crate::user::{Entry, Trap, UserSpace, registers};
use crate::{cpus, frames, kernel_space, probe};

/// Where the pages are, which all show one frame until they are written.
const AT: usize = 0x5000_0000;
const PAGES: usize = 16;
/// How many times they are all copied.
const ROUNDS: usize = 2;

/// So many CPUs write a word of each page, if there are so many. While one copies, the other may find the copy, and
/// write it before a third has forgotten the original.
const WRITERS: usize = 2;
const OLD: usize = 0x01d;
const NEW: usize = 0x7e3;
/// A page of flags: for each page, one for each word that is written.
const FLAGS: usize = 0x6000_0000;
const _: () = assert!(PAGES * WRITERS * 8 <= PAGE);

pub fn run() {
    check("copy on write", copy_on_write);
}

/// What the CPUs have seen.
#[derive(Default)]
struct Tally {
    copied: AtomicUsize,
    /// Looks at words that were not yet written.
    old: AtomicUsize,
    /// Looks that found the old word after the new.
    stale: AtomicUsize,
    /// Programs that did not end as they should.
    failed: AtomicUsize,
}

fn writers() -> usize {
    WRITERS.min(cpus::count())
}

/// Maps the frame at each page, for those to copy who write.
fn map_all(user: &mut UserSpace, shown: &Memory) -> Seen {
    for page in 0..PAGES {
        let map = provided(AT + page * PAGE, shown.share()?, RW | U)?;
        user.change().add_memory_map(map)?;
    }
    let flags = anonymous(area(FLAGS, PAGE), RW | U)?;
    Ok(user.change().add_memory_map(flags)?)
}

/// Runs one of the programs, and answers its first two arguments then.
fn run_program(user: &UserSpace, entry: Entry, with: [usize; 3], tally: &Tally) -> [usize; 2] {
    let mut program = registers(entry, &with);
    let count_copies = |_, done| {
        let is_copy = done == Some(Done::Copied);
        tally.copied.fetch_add(usize::from(is_copy), Relaxed);
    };
    let mut trap = user.run_with(&mut program, count_copies);
    while (trap, program.call()) == (Trap::Call, call::YIELD) {
        // Those who write take their turns on the host sooner.
        cpus::nap();
        trap = user.run_with(&mut program, count_copies);
    }
    tally
        .failed
        .fetch_add(usize::from(trap != Trap::Call), Relaxed);
    [program.arg(0), program.arg(1)]
}

/// This CPU's turn at a page: it looks at it, waits for the others, writes it or does not, and watches it.
fn one_page(user: &UserSpace, page: usize, tally: &Tally, wait: impl FnOnce()) {
    let role = (cpus::this().id() + page) % cpus::count();
    let word = |writer: usize| AT + page * PAGE + writer * 8;
    let flag = |writer: usize| FLAGS + (page * WRITERS + writer) * 8;
    let [found, _] = run_program(user, Entry::Load, [word(role % writers()), 0, 0], tally);
    tally.failed.fetch_add(usize::from(found != OLD), Relaxed);
    wait();
    if role < writers() {
        run_program(user, Entry::Writer, [word(role), NEW, flag(role)], tally);
        cpus::wake();
    }
    // Who has written watches the other.
    let watched = (role + 1) % writers();
    let with = [word(watched), NEW, flag(watched)];
    let [old, stale] = run_program(user, Entry::Watcher, with, tally);
    tally.old.fetch_add(old, Relaxed);
    tally.stale.fetch_add(stale, Relaxed);
}

/// All CPUs go through the pages together.
fn one_round(user: &UserSpace, tally: &Tally) {
    let arrived = AtomicUsize::new(0);
    let job = || {
        user.activate();
        for page in 0..PAGES {
            one_page(user, page, tally, || {
                let all = (page + 1) * cpus::count();
                if arrived.fetch_add(1, AcqRel) + 1 == all {
                    cpus::wake();
                }
                while arrived.load(Acquire) < all {
                    cpus::nap();
                }
            });
        }
        kernel_space::activate();
    };
    cpus::with_others(&job, job);
}

/// The words of each page are those that the writers wrote, and nobody wrote into the frame that all have shown.
fn judge(user: &UserSpace, shown: usize) -> Seen {
    for page in 0..PAGES {
        let mut words = [0; 8 * WRITERS];
        user.read(AT + page * PAGE, &mut words)?;
        for (number, word) in words.chunks(8).enumerate() {
            let wanted = if number < writers() { NEW } else { OLD };
            ensure!(
                word == wanted.to_ne_bytes(),
                "page {page} has {words:x?} at its start"
            );
        }
    }
    for word in 0..WRITERS {
        let found = probe::load(shown + word * 8);
        ensure!(found == Ok(OLD as u64), "the frame has {found:x?}");
    }
    Ok(())
}

fn copy_on_write() -> Outcome {
    let before = frames::free();
    let frame = alloc()?;
    let (addr, shown) = (direct(frame.addr()), Memory::page(frame));
    for word in 0..PAGE / 8 {
        let stored = probe::store(addr + word * 8, OLD as u64);
        ensure!(stored.is_ok(), "{stored:?}");
    }
    let mut user = UserSpace::new()?;
    user.load_program()?;
    map_all(&mut user, &shown)?;
    let tally = Tally::default();
    for _ in 0..ROUNDS {
        one_round(&user, &tally);
        judge(&user, addr)?;
        user.look().check_invariants()?;
        user.change().discard(area(AT, PAGES * PAGE))?;
        user.change().discard(area(FLAGS, PAGE))?;
    }
    drop((user, shown));
    all_back(before)?;
    let Tally {
        copied,
        old,
        stale,
        failed,
    } = tally;
    let [copied, old, stale, failed] = [copied, old, stale, failed].map(AtomicUsize::into_inner);
    ensure!(failed == 0, "{failed} times a program went wrong");
    ensure!(
        stale == 0,
        "{stale} times the old word was seen after the new"
    );
    ensure!(copied == PAGES * ROUNDS, "{copied} copies");
    Ok(format!(
        "{copied} pages copied once each, between {old} looks at the old word and those at the new"
    ))
}
