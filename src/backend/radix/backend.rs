//! The contract of a page table, verb by verb.

use super::memory::Radix;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::check::check_edit;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::run::{Entry, Run};
use crate::backend::step::in_steps;
use crate::error::MapError;
use crate::flush::Retired;
use crate::frame::FRAME_SIZE;
use crate::permissions::Permissions;
use crate::platform::Platform;
use crate::violation::Violation;

impl<F: Format, P: Platform> PageTableBackend for Radix<F, P> {
    type Reserved = Reserved;

    const PAGE_SIZE: usize = FRAME_SIZE;

    fn ranges(&self) -> &[MemoryArea] {
        self.ranges.as_slice()
    }

    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        MemoryArea::low_bits(F::PHYSICAL_BITS)
    }

    fn root(&self) -> PhysAddr {
        self.root_addr()
    }

    fn supports(&self, attributes: Attributes) -> Result<(), MapError> {
        F::supports(attributes, self.features())
    }

    fn entry(&self, addr: VirtAddr) -> Entry {
        self.find_entry(addr)
    }

    fn populated(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        self.leaves(area).map(|leaf| leaf.run)
    }

    /// Made where it is asked for, where it is known which edit it is: so a page costs a walk and a store.
    #[inline(always)]
    fn edit(&mut self, edit: Edit, asid: Asid) -> Result<(), MapError> {
        match edit {
            Edit::Map(run) => {
                if self.map_page(run) {
                    return Ok(());
                }
                self.map_after_all(run.area, run.first, run.attributes)
            }
            Edit::Unmap(area) => {
                if self.unmap_page(area, asid) {
                    return Ok(());
                }
                self.unmap_after_all(area, asid)
            }
            Edit::Protect(area, permissions) => self.edit_protect(area, permissions, asid),
            Edit::Shift { .. } => in_steps(self, edit, asid),
        }
    }

    fn reserve(&self, edits: impl Iterator<Item = Edit>) -> Result<Reserved, MapError> {
        let mut reserved = Reserved::default();
        self.set_aside(self.count(edits)?, &mut reserved)?;
        Ok(reserved)
    }

    fn unreserve(&self, reserved: Reserved) {
        self.give_back(reserved);
    }

    fn map(&self, run: Run, with: &mut Reserved) {
        if check_edit(self, Edit::Map(run)).is_ok() {
            self.map_shared(&run, with);
        }
    }

    fn map_exclusive(&mut self, run: Run, with: &mut Reserved) {
        if check_edit(self, Edit::Map(run)).is_ok() {
            self.map_alone(&run, with);
        }
    }

    fn unmap(&mut self, area: MemoryArea, with: &mut Reserved, out: &mut Retired) {
        self.change(out, |table, out| table.unmap_area(area, with, out));
    }

    fn protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        with: &mut Reserved,
        out: &mut Retired,
    ) {
        let is_sound = check_edit(self, Edit::Protect(area, permissions)).is_ok();
        self.change(out, |table, out| {
            if is_sound {
                table.protect_area(area, permissions, with, out);
            } else {
                table.unmap_area(area, with, out);
            }
        });
    }

    fn shift(&mut self, from: MemoryArea, to: MemoryArea, with: &mut Reserved, out: &mut Retired) {
        if check_edit(self, Edit::Shift { from, to }).is_ok() {
            self.change(out, |table, out| table.shift_area(from, to, with, out));
        }
    }

    fn retire(&mut self, retired: Retired, asid: Asid) {
        self.retire_told(&retired, asid);
    }

    fn check_invariants(&self) -> Result<(), Violation> {
        self.audit()
    }
}
