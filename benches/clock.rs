//! A stopwatch around nothing but the work.

use std::time::{Duration, Instant};

/// What `work` answers, and how long it takes.
pub(crate) fn clock<R>(work: impl FnOnce() -> R) -> (R, Duration) {
    let begin = Instant::now();
    let answer = within(work);
    (answer, begin.elapsed())
}

/// A function of its own, so that each loop has all registers, and Callgrind can count in here alone. What the loop
/// changes had better be the closure's own: behind a reference, it would stay in memory.
#[inline(never)]
fn within<R>(work: impl FnOnce() -> R) -> R {
    work()
}
