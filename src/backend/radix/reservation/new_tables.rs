//! The number of tables of a run where none is.

use crate::area::MemoryArea;
use crate::backend::radix::walk::cut::Cut;
use crate::backend::radix::walk::fit::Fit;
use crate::backend::radix::walk::table::ENTRIES;

/// The number of tables for the pages in `area`, of a run with these leaves, below a new table at `level` in which all
/// of them lie. O(levels²), however many pages they are: only the ends of the area differ.
pub(super) fn new_tables(area: MemoryArea, fit: Fit, level: usize) -> usize {
    let Some(below) = level.checked_sub(1) else {
        return 0;
    };
    let cut = Cut::new(area, level);
    let new = |end| 1 + new_tables(end, fit, below);
    cut.ends().map(new).sum::<usize>() + cut.slots().len() * behind_slot(fit, level)
}

/// The number of tables behind a slot at `level` that is covered: none where one leaf can be in it.
fn behind_slot(fit: Fit, level: usize) -> usize {
    if fit.has_leaves(level) {
        return 0;
    }
    level
        .checked_sub(1)
        .map_or(0, |below| 1 + ENTRIES * behind_slot(fit, below))
}
