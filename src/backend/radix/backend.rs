//! The contract of a page table, verb by verb: every call from a manager comes in here.
//!
//! A verb checks its edit, and hands it on to the one file that makes it. An edit that was refused, and is made all the
//! same, maps nothing or empties too much; it never writes where an area does not belong.

use super::edit::moved::Relocation;
use super::entry::format::Format;
use super::memory::Radix;
use super::reservation::reserved::Reserved;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::check::check_edit;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::run::{Entry, Run};
use crate::error::MapError;
use crate::flush::Retired;
use crate::frame::FRAME_SIZE;
use crate::permissions::Permissions;
use crate::platform::Platform;
use crate::violation::Violation;

impl<F: Format, P: Platform> PageTableBackend for Radix<F, P> {
    type Reserved = Reserved;

    const PAGE_SIZE: usize = FRAME_SIZE;

    const SETTLES: bool = true;

    fn ranges(&self) -> &[MemoryArea] {
        self.ranges.as_slice()
    }

    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        Self::physical(self.features())
    }

    fn root(&self) -> PhysAddr {
        self.root_addr()
    }

    fn supports(&self, attributes: Attributes) -> Result<(), MapError> {
        F::supports(attributes, self.features())
    }

    #[inline]
    fn cpu(&self) -> usize {
        self.platform().cpu()
    }

    #[inline]
    fn entry(&self, addr: VirtAddr) -> Entry {
        self.find_entry(addr)
    }

    fn populated(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        self.leaves(area).map(|leaf| leaf.run)
    }

    /// Makes the edit inline, where a caller mostly knows which kind it is: so a page costs a walk and a store.
    #[inline(always)]
    fn edit(&mut self, edit: Edit, asid: Asid) -> Result<(), MapError> {
        match edit {
            Edit::Map(run) => {
                if self.owed.is_torn() {
                    self.settle_torn();
                }
                if self.map_one_page(run) {
                    return Ok(());
                }
                self.map_at_once_cold(run.area, run.first, run.attributes)
            }
            Edit::Unmap(area) => {
                if self.unmap_one_page(area, asid) {
                    return Ok(());
                }
                self.unmap_at_once_cold(area, asid)
            }
            Edit::Protect(area, permissions) => self.protect_at_once(area, permissions, asid),
            Edit::Shift { from, to } => self.shift_at_once(from, to, asid),
        }
    }

    fn reserve(&self, edits: impl Iterator<Item = Edit>) -> Result<Reserved, MapError> {
        let mut reserved = Reserved::default();
        self.set_aside(self.cost(edits)?, &mut reserved)?;
        Ok(reserved)
    }

    fn unreserve(&self, reserved: Reserved) {
        self.give_back(reserved);
    }

    /// Maps nothing for a run that [`check_edit`] refuses: its pages may be another's aliases.
    fn map(&self, run: Run, reserved: &mut Reserved) {
        if check_edit(self, Edit::Map(run)).is_ok() {
            self.map_shared(&run, 0, reserved);
        }
    }

    fn map_exclusive(&mut self, run: Run, reserved: &mut Reserved) {
        if check_edit(self, Edit::Map(run)).is_ok() {
            self.map_alone(&run, 0, reserved);
        }
    }

    fn unmap(&mut self, area: MemoryArea, reserved: &mut Reserved, out: &mut Retired) {
        self.change(out, |table, out| table.unmap_area(area, reserved, out));
    }

    /// Unmaps the area where [`check_edit`] refuses the edit: leaves must not allow more than was asked for.
    fn protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        reserved: &mut Reserved,
        out: &mut Retired,
    ) {
        let is_sound = check_edit(self, Edit::Protect(area, permissions)).is_ok();
        self.change(out, |table, out| {
            if is_sound {
                table.protect_area(area, permissions, reserved, out);
            } else {
                table.unmap_area(area, reserved, out);
            }
        });
    }

    fn shift(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        reserved: &mut Reserved,
        out: &mut Retired,
    ) {
        if check_edit(self, Edit::Shift { from, to }).is_ok() {
            self.change(out, |table, out| {
                table.shift_area(Relocation { from, to }, reserved, out);
            });
        }
    }

    fn retire(&mut self, retired: Retired, asid: Asid) {
        self.settle_told(&retired, asid);
    }

    fn settle(&self, retired: &Retired, asid: Asid) {
        self.settle_shared(retired, asid);
    }

    fn check_invariants(&self) -> Result<(), Violation> {
        self.audit()
    }
}
