//! The number of tables that the edits of a verb need together.

use super::earlier_edits::EarlierEdits;
use crate::backend::check::check_edit;
use crate::backend::page_table::Edit;
use crate::backend::radix::edit::moved::Relocation;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::memory::Radix;
use crate::error::MapError;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// The number of tables that `edits` need together, made in this order. Tables that runs share count once, when the
    /// runs come in address order. `O(tables touched)`.
    ///
    /// # Errors
    /// The errors of [`check_edit`], for the first edit that has one.
    pub(in crate::backend::radix) fn cost(
        &self,
        edits: impl Iterator<Item = Edit>,
    ) -> Result<usize, MapError> {
        let mut needed = 0;
        let mut earlier = EarlierEdits::NONE;
        let mut is_first = true;
        for edit in edits {
            check_edit(self, edit)?;
            needed += match edit {
                Edit::Map(run) => {
                    self.find_waiting(&mut earlier);
                    self.cost_of_later_run(&run, &mut earlier)
                }
                Edit::Shift { from, to } => {
                    self.find_waiting(&mut earlier);
                    self.moved(Relocation { from, to })
                        .map(|moved| self.cost_of_later_run(&moved.run, &mut earlier))
                        .sum()
                }
                Edit::Unmap(area) => {
                    let new = self.cost_of_later_cuts(area, &earlier, |_| true);
                    earlier = earlier.and_unmap(area);
                    new
                }
                Edit::Protect(area, permissions) => {
                    // Behind another edit, a leaf's permissions now do not say what they will be.
                    let changes =
                        |leaf| !is_first || F::attributes(leaf).permissions != permissions;
                    self.cost_of_later_cuts(area, &earlier, changes)
                }
            };
            is_first = false;
        }
        Ok(needed)
    }

    /// Finds out whether entries wait where earlier edits unmap, as those of owned pages do. Asked once, by the first
    /// map behind an unmap. `O(populated)`.
    fn find_waiting(&self, earlier: &mut EarlierEdits) {
        earlier.learn_waiting(|area| {
            F::BREAK_BEFORE_MAKE || self.leaves(area).any(|leaf| leaf.word & F::OWNED != 0)
        });
    }
}
