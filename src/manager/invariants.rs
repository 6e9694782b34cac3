//! The invariants of a space.
//!
//! Those of the maps by themselves and of the tree that keeps them come first, then those of the page table by itself.
//! The last are of both together: the page table is a cache of the maps, so each leaf has a map that agrees with it.

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::backend::{PageTableBackend, Run, check_area};
use crate::map::{Backing, Payload};
use crate::permissions::Permissions;
use crate::violation::Violation;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Walks the whole space and checks its invariants. For tests, and for kernels that suspect themselves.
    ///
    /// Between verbs, all of these hold:
    /// - maps are whole pages in the backend's ranges, ordered, disjoint and joined where they can be;
    /// - the tree that keeps them says of its nodes what is so;
    /// - the page table is sound, by the backend's own check;
    /// - each of its leaves lies in one map and says of address and attributes what the map says.
    ///
    /// After a verb that panicked, whatever the next one will put right is not held against the space.
    /// O(n + leaves × log n).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// space.populate(area)?;
    /// assert_eq!(space.check_invariants(), Ok(()));
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// The first [`Violation`] found: a bug in this crate, in a backend or in the platform. Nothing has changed.
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
        self.deferred.audit()?;
        self.backend.check_invariants()?;
        let mut leaves = self
            .backend
            .ranges()
            .iter()
            .flat_map(|&range| self.backend.populated(range));
        leaves.try_for_each(|leaf| self.check_leaf(leaf))
    }

    /// Checks that one map holds all of `leaf` and agrees with it.
    fn check_leaf(&self, leaf: Run) -> Result<(), Violation> {
        let area = leaf.area;
        if self.unfinished.concerns(area).is_some() {
            return Ok(());
        }
        let map = self.find(area.start());
        let map = map.filter(|map| map.vmarea().contains_area(area));
        let map = map.ok_or(Violation::Stray { area })?;
        let leads = match map.backing() {
            Backing::Physical => map.translate(area.start()) == Some(leaf.first),
            Backing::Anonymous | Backing::Provided => area.size() == B::PAGE_SIZE,
        };
        // A single page may be owned, in a physical map, too, if it was installed there: the next write decides.
        let unwritable = map
            .attributes()
            .allowing(map.permissions() - Permissions::WRITE);
        let allows = leaf.attributes == map.attributes()
            || area.size() == B::PAGE_SIZE && leaf.attributes == unwritable;
        let agrees = leads && allows;
        if agrees {
            Ok(())
        } else {
            Err(Violation::Disagrees { area })
        }
    }
}
