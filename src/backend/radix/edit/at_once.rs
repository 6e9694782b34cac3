//! One edit in one call, for who uses a page table by itself.
//!
//! The verbs of a manager take the same edits in steps, and share a reservation and a flush between them.

use super::moved::Relocation;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::check::{check_area, check_edit, check_run};
use crate::backend::page_table::Edit;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::run::Run;
use crate::error::MapError;
use crate::flush::Retired;
use crate::permissions::Permissions;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// The cold door to [`map_at_once`](Self::map_at_once), behind [`map_one_page`](Self::map_one_page).
    ///
    /// The compiler keeps cold code out of the way of that, and does little for its speed: so this is a door and no
    /// room. Pieces, unlike a whole run, stay in registers before it.
    #[cold]
    #[inline(never)]
    pub(in crate::backend::radix) fn map_at_once_cold(
        &mut self,
        area: MemoryArea,
        first: PhysAddr,
        attributes: Attributes,
    ) -> Result<(), MapError> {
        self.map_at_once(Run {
            area,
            first,
            attributes,
        })
    }

    /// The cold door to [`unmap_at_once`](Self::unmap_at_once), behind [`unmap_one_page`](Self::unmap_one_page).
    #[cold]
    #[inline(never)]
    pub(in crate::backend::radix) fn unmap_at_once_cold(
        &mut self,
        area: MemoryArea,
        asid: Asid,
    ) -> Result<(), MapError> {
        self.unmap_at_once(area, asid)
    }

    /// Maps `run`: nothing was valid there, so nothing is flushed. O(leaves + tables).
    #[inline(never)]
    fn map_at_once(&mut self, run: Run) -> Result<(), MapError> {
        check_run(self, &run)?;
        let mut reserved = Reserved::default();
        self.set_aside(self.cost_of_run(&run), &mut reserved)?;
        self.map_alone(&run, 0, &mut reserved);
        self.give_back(reserved);
        Ok(())
    }

    /// Unmaps `area`, flushes and reaps. O(levels + tables at the borders + tables taken out).
    #[inline(never)]
    fn unmap_at_once(&mut self, area: MemoryArea, asid: Asid) -> Result<(), MapError> {
        check_area(self, area)?;
        let needed = self.cost_of_cuts(area, |_| true);
        self.flush_at_once(needed, asid, |table, reserved, out| {
            table.unmap_area(area, reserved, out);
        })
    }

    /// Gives the leaves in `area` these permissions, and flushes. O(leaves + tables).
    #[inline(never)]
    pub(in crate::backend::radix) fn protect_at_once(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        asid: Asid,
    ) -> Result<(), MapError> {
        check_edit(self, Edit::Protect(area, permissions))?;
        let changes = |leaf| F::attributes(leaf).permissions != permissions;
        let needed = self.cost_of_cuts(area, changes);
        self.flush_at_once(needed, asid, |table, reserved, out| {
            table.protect_area(area, permissions, reserved, out);
        })
    }

    /// Maps the leaves of `from` at `to`, unmaps `from`, flushes and reaps. O(leaves + tables).
    #[inline(never)]
    pub(in crate::backend::radix) fn shift_at_once(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        asid: Asid,
    ) -> Result<(), MapError> {
        let edits = [Edit::Shift { from, to }, Edit::Unmap(from)];
        let needed = self.cost(edits.into_iter())?;
        self.flush_at_once(needed, asid, |table, reserved, out| {
            table.shift_area(Relocation { from, to }, reserved, out);
            table.unmap_area(from, reserved, out);
        })
    }

    /// Makes an edit that needs so many tables, flushes it and reaps.
    fn flush_at_once(
        &mut self,
        needed: usize,
        asid: Asid,
        edit: impl FnOnce(&mut Self, &mut Reserved, &mut Retired),
    ) -> Result<(), MapError> {
        let mut reserved = Reserved::default();
        self.set_aside(needed, &mut reserved)?;
        self.change_at_once(asid, |table, out| {
            edit(table, &mut reserved, out);
            table.give_back(reserved);
        });
        Ok(())
    }
}
