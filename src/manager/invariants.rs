//! What must always hold.

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::backend::{PageTableBackend, Run, check_area};
use crate::map::Payload;
use crate::violation::Violation;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Walks the whole space and checks what must hold between verbs: maps are whole pages in the backend's ranges,
    /// ordered, disjoint and joined where they can be; the page table is sound; and each of its leaves lies in one
    /// map and says what that says. After a verb that panicked, what the next one will put right is not held against
    /// the space. For tests, and for kernels that suspect themselves. O(n + leaves × log n).
    ///
    /// # Errors
    /// The first [`Violation`] found.
    pub fn check_invariants(&self) -> Result<(), Violation> {
        let rights = self.tree.iter().skip(1);
        for (left, right) in self.tree.iter().zip(rights) {
            let (left_area, right_area) = (left.vmarea(), right.vmarea());
            if left_area.end() >= right_area.start() {
                return Err(Violation::Unordered {
                    left: left_area,
                    right: right_area,
                });
            }
            if self.unfinished == Unfinished::Nothing && left.can_join(right) {
                return Err(Violation::Unjoined {
                    left: left_area,
                    right: right_area,
                });
            }
        }
        for area in self.tree.iter().map(|map| map.vmarea()) {
            check_area(&self.backend, area).map_err(|_| Violation::Unmappable { area })?;
        }
        self.tree.audit()?;
        self.backend.check_invariants()?;
        let mut leaves = self
            .backend
            .ranges()
            .iter()
            .flat_map(|&range| self.backend.populated(range));
        leaves.try_for_each(|leaf| self.check_leaf(leaf))
    }

    fn check_leaf(&self, leaf: Run) -> Result<(), Violation> {
        let area = leaf.area;
        if matches!(self.unfinished, Unfinished::Entries(stale) if stale.overlaps(&area)) {
            return Ok(());
        }
        let map = self
            .tree
            .find(area.start())
            .filter(|map| map.vmarea().contains_area(area));
        let map = map.ok_or(Violation::Stray { area })?;
        if map.translate(area.start()) != Some(leaf.first) || map.attributes() != leaf.attributes {
            return Err(Violation::Disagrees { area });
        }
        Ok(())
    }
}
