//! What is around each run.

use super::broken::Broken;

/// Runs what it is given, and makes an answer of a panic, if it can.
pub type Guard = fn(&mut dyn FnMut() -> Result<(), Broken>) -> Result<(), Broken>;

/// What the guard makes of a run: of a panic, too.
pub(super) fn guarded(
    guard: Guard,
    run: impl FnOnce() -> Result<(), Broken>,
) -> Result<(), Broken> {
    let mut run = Some(run);
    let mut once = || run.take().map_or(Ok(()), |run| run());
    guard(&mut once)
}
