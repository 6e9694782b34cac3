//! The number of tables of a run where none is.

use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::walk::cut::Cut;
use crate::backend::radix::walk::table::{ENTRIES, leaves_fit};

/// The number of tables for the pages in `area`, with frames that are `distance` behind them, below a new table at
/// `level` in which all of them lie. O(levels²), however many pages they are: only the ends of the area differ.
pub(super) fn new_tables<F: Format>(area: MemoryArea, distance: u64, level: usize) -> usize {
    let Some(below) = level.checked_sub(1) else {
        return 0;
    };
    let cut = Cut::new(area, level);
    let new = |end| 1 + new_tables::<F>(end, distance, below);
    cut.ends().map(new).sum::<usize>() + cut.slots().len() * behind_slot::<F>(distance, level)
}

/// The number of tables behind a slot at `level` that is covered: none where one leaf can be in it.
fn behind_slot<F: Format>(distance: u64, level: usize) -> usize {
    if leaves_fit::<F>(distance, level) {
        return 0;
    }
    level
        .checked_sub(1)
        .map_or(0, |below| 1 + ENTRIES * behind_slot::<F>(distance, below))
}
