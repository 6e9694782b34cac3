//! How many tables a run takes where none is.

use super::format::Format;
use super::table::{Cut, ENTRIES, span};
use crate::area::MemoryArea;
use crate::backend::run::Run;

/// How many tables `run` takes below a new one at `level`, in which all of it lies. O(levels).
pub(super) fn new_tables<F: Format>(run: Run, level: usize) -> usize {
    let distance = run.first.get().wrapping_sub(run.area.start().get() as u64);
    below::<F>(run.area, level, distance)
}

/// The same for a run whose frames are `distance` behind its pages: how large leaves can be follows from that.
fn below<F: Format>(area: MemoryArea, level: usize, distance: u64) -> usize {
    let Some(next) = level.checked_sub(1) else {
        return 0;
    };
    let cut = Cut::new(area, level);
    let ends = [cut.head, cut.tail].into_iter().flatten();
    let new = |end| 1 + below::<F>(end, next, distance);
    ends.map(new).sum::<usize>() + cut.slots().len() * behind_slot::<F>(level, distance)
}

/// Tables behind a slot at `level` that the run covers: none where one leaf can be in it.
fn behind_slot<F: Format>(level: usize, distance: u64) -> usize {
    if level <= F::HIGHEST_LEAF && distance % span(level) as u64 == 0 {
        return 0;
    }
    level
        .checked_sub(1)
        .map_or(0, |next| 1 + ENTRIES * behind_slot::<F>(next, distance))
}
