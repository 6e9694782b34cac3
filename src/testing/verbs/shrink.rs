//! Fewer steps that go wrong, too.

use alloc::vec::Vec;

/// Takes steps out while what is left fails, in halves first and one by one last, and answers what is left and how it
/// fails. `None` when the steps do not fail by themselves.
pub(super) fn shrink<S: Copy, W>(
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
    steps[..at].iter().chain(behind).copied().collect()
}
