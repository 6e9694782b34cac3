//! Fewer steps that go wrong, too.

use alloc::vec::Vec;
use core::fmt::Debug;

use super::broken::Broken;

/// What a run with this seed has found, with the fewest steps that go wrong. `wrong` is how the run itself went wrong,
/// and `try_out` does steps from the beginning.
pub(super) fn fewest<S: Copy + Debug>(
    seed: u64,
    steps: Vec<S>,
    wrong: Broken,
    try_out: impl FnMut(&[S]) -> Result<(), Broken>,
) -> Broken {
    let (steps, wrong) = shrink(&steps, try_out)
        .unwrap_or_else(|| (steps, wrong.when("these steps alone do not show it")));
    wrong.of(seed).behind(&steps)
}

/// Takes steps out while what is left fails, in halves first and one by one last, and answers what is left and how it
/// fails. `None` when the steps do not fail by themselves.
fn shrink<S: Copy, W>(
    steps: &[S],
    mut try_out: impl FnMut(&[S]) -> Result<(), W>,
) -> Option<(Vec<S>, W)> {
    let mut left = steps.to_vec();
    let mut wrong = try_out(&left).err()?;
    let mut chunk = left.len().div_ceil(2);
    while chunk > 0 {
        let mut has_shrunk = false;
        let mut at = 0;
        while at < left.len() {
            let fewer = without(&left, at, chunk);
            match try_out(&fewer) {
                Err(other) => (left, wrong, has_shrunk) = (fewer, other, true),
                Ok(()) => at += chunk,
            }
        }
        // One by one again and again, until each of them is needed.
        chunk = if has_shrunk && chunk == 1 {
            1
        } else {
            chunk / 2
        };
    }
    Some((left, wrong))
}

/// The steps without `count` from `at` on.
fn without<S: Copy>(steps: &[S], at: usize, count: usize) -> Vec<S> {
    let behind = steps.iter().skip(at + count);
    steps.iter().take(at).chain(behind).copied().collect()
}
