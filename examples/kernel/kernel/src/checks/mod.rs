//! The checks: one line each, and one at the end for all.

/// Ends a check that finds something else than it should.
macro_rules! ensure {
    ($holds:expr, $($arg:tt)*) => {
        if !$holds {
            return Err(alloc::format!($($arg)*).into());
        }
    };
}

mod accounts;
mod copy_on_write;
mod exhaustion;
mod faults;
mod observe;
mod own_map;
mod pages;
mod permissions;
mod populate;
mod processes;
mod program;
mod random;
mod rollover;
mod shootdown;
mod starvation;
mod superpages;
mod threads;
mod usage;

use alloc::boxed::Box;
use alloc::string::String;
use core::error::Error;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use crate::arch::{ARCH, MODE};
use crate::{cpus, frames, println};

/// What was wrong.
type Wrong = Box<dyn Error>;

/// What a check found: something to say either way.
type Outcome = Result<String, Wrong>;

/// Part of a check.
type Seen = Result<(), Wrong>;

/// Whether the allocator has as many frames as before.
fn all_back(before: usize) -> Seen {
    let free = frames::free();
    ensure!(free == before, "{free} frames are free, not {before}");
    Ok(())
}

static PASSED: AtomicUsize = AtomicUsize::new(0);
static FAILED: AtomicUsize = AtomicUsize::new(0);
static SKIPPED: AtomicUsize = AtomicUsize::new(0);

fn check(name: &str, body: impl FnOnce() -> Outcome) {
    match body() {
        Ok(said) => {
            PASSED.fetch_add(1, Relaxed);
            println!("ok    {name}: {said}");
        }
        Err(said) => {
            FAILED.fetch_add(1, Relaxed);
            println!("FAIL  {name}: {said}");
        }
    }
}

/// Says of a check that it does not apply to this machine, and why.
fn skip(name: &str, why: &str) {
    SKIPPED.fetch_add(1, Relaxed);
    println!("skipped: {name}, because {why}");
}

/// Runs them all, and says how many passed, failed, and do not apply.
pub fn run() {
    own_map::run();
    permissions::run();
    random::run();
    superpages::run();
    pages::run();
    program::run();
    faults::run();
    usage::run();
    populate::run();
    shootdown::run();
    copy_on_write::run();
    processes::run();
    threads::run();
    rollover::run();
    exhaustion::run();
    starvation::run();
    accounts::run();
    let (count, plural) = match cpus::count() {
        1 => (1, ""),
        count => (count, "s"),
    };
    let [passed, failed, skipped] = [&PASSED, &FAILED, &SKIPPED].map(|count| count.load(Relaxed));
    println!(
        "{ARCH} {MODE} {count} CPU{plural}: {passed} passed, {failed} failed, {skipped} skipped"
    );
}
