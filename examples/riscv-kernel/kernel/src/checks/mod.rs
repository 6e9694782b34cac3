//! The checks: one line each, and one at the end for all.

use alloc::string::String;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use crate::mode::NAME;
use crate::{harts, println};

/// What a check found: something to say either way.
type Outcome = Result<String, String>;

static PASSED: AtomicUsize = AtomicUsize::new(0);
static FAILED: AtomicUsize = AtomicUsize::new(0);

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

pub fn run() {
    check("boot", || Ok(alloc::format!("up")));
    let harts = match harts::count() {
        1 => String::from("1 hart"),
        count => alloc::format!("{count} harts"),
    };
    println!(
        "{NAME} {harts}: {} passed, {} failed",
        PASSED.load(Relaxed),
        FAILED.load(Relaxed)
    );
}
