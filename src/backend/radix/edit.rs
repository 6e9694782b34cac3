//! One edit in one call: what the verbs of a manager do in steps, for which they share a reservation and a flush.

use super::format::Format;
use super::reserved::Reserved;
use super::walker::Radix;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::check::{check_area, check_edit, check_run};
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::run::Run;
use crate::backend::step::in_steps;
use crate::error::MapError;
use crate::flush::{Retired, Tlb};
use crate::frame::FrameAllocator;
use crate::permissions::Permissions;

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    /// As [`edit_run`](Self::edit_run), for who has tried to do with less: the compiler keeps this out of the way of that,
    /// and pieces, unlike a whole run, stay in registers there.
    #[cold]
    #[inline(never)]
    pub(super) fn map_after_all(
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

    /// The same for [`edit_unmap`](Self::edit_unmap).
    #[cold]
    #[inline(never)]
    pub(super) fn unmap_after_all(&mut self, area: MemoryArea, asid: Asid) -> Result<(), MapError> {
        self.edit_unmap(area, asid)
    }

    /// A map.
    #[inline(never)]
    fn edit_run(&mut self, run: Run) -> Result<(), MapError> {
        check_run(self, &run)?;
        let mut reserved = Reserved::default();
        self.set_aside(self.count_new(&run), &mut reserved)?;
        self.map_alone(&run, &mut reserved);
        self.give_back(reserved);
        Ok(())
    }

    /// An unmap.
    #[inline(never)]
    fn edit_unmap(&mut self, area: MemoryArea, asid: Asid) -> Result<(), MapError> {
        check_area(self, area)?;
        let mut reserved = Reserved::default();
        self.set_aside(self.count_split(area, |_| true), &mut reserved)?;
        let mut out = Retired::new();
        self.unmap_area(area, &mut reserved, &mut out);
        self.give_back(reserved);
        self.retire(out, asid);
        Ok(())
    }

    /// A protect.
    #[inline(never)]
    pub(super) fn edit_protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        asid: Asid,
    ) -> Result<(), MapError> {
        check_edit(self, Edit::Protect(area, permissions))?;
        let changes = |leaf| F::attributes(leaf).permissions != permissions;
        let mut reserved = Reserved::default();
        self.set_aside(self.count_split(area, changes), &mut reserved)?;
        let mut out = Retired::new();
        self.protect_area(area, permissions, &mut reserved, &mut out);
        self.give_back(reserved);
        self.retire(out, asid);
        Ok(())
    }
    /// A shift, and the unmap of what it leaves behind.
    #[inline(never)]
    pub(super) fn edit_shift(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        asid: Asid,
    ) -> Result<(), MapError> {
        in_steps(self, Edit::Shift { from, to }, asid)
    }
}
