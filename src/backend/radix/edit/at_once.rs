//! One edit in one call: what the verbs of a manager do in steps, for which they share a reservation and a flush.

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
    /// A map, for who has tried to do with less. The compiler keeps what is cold out of the way of that, and does
    /// little for its speed: so this is a door and no room. Pieces, unlike a whole run, stay in registers before it.
    #[cold]
    #[inline(never)]
    pub(in crate::backend::radix) fn map_after_all(
        &mut self,
        area: MemoryArea,
        first: PhysAddr,
        attributes: Attributes,
    ) -> Result<(), MapError> {
        self.edit_run(Run {
            area,
            first,
            attributes,
        })
    }

    /// The same for an unmap.
    #[cold]
    #[inline(never)]
    pub(in crate::backend::radix) fn unmap_after_all(
        &mut self,
        area: MemoryArea,
        asid: Asid,
    ) -> Result<(), MapError> {
        self.edit_unmap(area, asid)
    }

    #[inline(never)]
    fn edit_run(&mut self, run: Run) -> Result<(), MapError> {
        check_run(self, &run)?;
        let mut reserved = Reserved::default();
        self.set_aside(self.count_new(&run), &mut reserved)?;
        self.map_alone(&run, &mut reserved);
        self.give_back(reserved);
        Ok(())
    }

    #[inline(never)]
    fn edit_unmap(&mut self, area: MemoryArea, asid: Asid) -> Result<(), MapError> {
        check_area(self, area)?;
        let needed = self.count_split(area, |_| true);
        self.edit_flushed(needed, asid, |table, reserved, out| {
            table.unmap_area(area, reserved, out);
        })
    }

    #[inline(never)]
    pub(in crate::backend::radix) fn edit_protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        asid: Asid,
    ) -> Result<(), MapError> {
        check_edit(self, Edit::Protect(area, permissions))?;
        let changes = |leaf| F::attributes(leaf).permissions != permissions;
        let needed = self.count_split(area, changes);
        self.edit_flushed(needed, asid, |table, reserved, out| {
            table.protect_area(area, permissions, reserved, out);
        })
    }

    /// Makes an edit that needs so many tables and is flushed.
    fn edit_flushed(
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
