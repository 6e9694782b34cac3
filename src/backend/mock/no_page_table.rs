//! A page table that is not there.

use super::page;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::run::{Entry, Run};
use crate::error::MapError;
use crate::flush::Retired;
use crate::permissions::Permissions;
use crate::violation::Violation;

/// A page table that says what can be mapped, and does nothing: what is left of a
/// [`VirtualMemoryManager`](crate::VirtualMemoryManager) is its maps, to be tested or measured by themselves.
///
/// Nothing that is mapped is ever there, so it does not keep the [contract](crate::backend::contract). No reservation
/// fails, and nothing is flushed. All memory types can be mapped.
///
/// ```
/// use kernel_vm::backend::mock::NoPageTable;
/// use kernel_vm::{MemoryArea, Permissions, PhysAddr, VirtAddr, VirtualMemoryManager, VirtualMemoryMap};
///
/// let mut space = VirtualMemoryManager::<NoPageTable>::new(NoPageTable::new());
/// let vmarea = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
/// let pmarea = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
/// space.add_memory_map(VirtualMemoryMap::new(vmarea, pmarea, Permissions::READ, false)?)?;
/// space.populate(vmarea)?;
/// assert_eq!(space.translate_vaddr(VirtAddr::new(0x2345)), Some(PhysAddr::new(0x8000_1345)));
/// # Ok::<(), kernel_vm::MapError>(())
/// ```
#[derive(Clone, Debug)]
pub struct NoPageTable<const RANGES: usize = 1> {
    ranges: [MemoryArea; RANGES],
}

impl NoPageTable {
    /// One that maps the lower half of the space. O(1), allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self::over([MemoryArea::constant(0, usize::MAX >> 1)])
    }
}

impl<const RANGES: usize> NoPageTable<RANGES> {
    /// One that maps these ranges, which are as [`PageTableBackend::ranges`] has it: page-aligned, ascending, and no
    /// two touch. That is not checked. O(1), allocates nothing.
    #[must_use]
    pub const fn over(ranges: [MemoryArea; RANGES]) -> Self {
        Self { ranges }
    }
}

impl Default for NoPageTable {
    fn default() -> Self {
        Self::new()
    }
}

impl<const RANGES: usize> PageTableBackend for NoPageTable<RANGES> {
    type Reserved = ();

    const PAGE_SIZE: usize = page::SIZE;

    fn ranges(&self) -> &[MemoryArea] {
        &self.ranges
    }

    /// 2^56 bytes from 0 on; 2^31 where a pointer has 32 bits.
    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        page::PHYSICAL
    }

    /// 0, always: there are no tables.
    fn root(&self) -> PhysAddr {
        PhysAddr::new(0)
    }

    fn supports(&self, _attributes: Attributes) -> Result<(), MapError> {
        Ok(())
    }

    /// Empty, always.
    fn entry(&self, _addr: VirtAddr) -> Entry {
        Entry::Empty
    }

    /// Nothing, always.
    fn populated(&self, _area: MemoryArea) -> impl Iterator<Item = Run> {
        core::iter::empty()
    }

    /// Refuses nothing: the manager has checked its edits before.
    fn reserve(&self, _edits: impl Iterator<Item = Edit>) -> Result<(), MapError> {
        Ok(())
    }

    fn unreserve(&self, (): ()) {}

    fn map(&self, _run: Run, (): &mut ()) {}

    fn unmap(&mut self, _area: MemoryArea, (): &mut (), _out: &mut Retired) {}

    fn protect(
        &mut self,
        _area: MemoryArea,
        _permissions: Permissions,
        (): &mut (),
        _out: &mut Retired,
    ) {
    }

    fn shift(&mut self, _from: MemoryArea, _to: MemoryArea, _with: &mut (), _out: &mut Retired) {}

    fn retire(&mut self, _retired: Retired, _asid: Asid) {}

    fn check_invariants(&self) -> Result<(), Violation> {
        Ok(())
    }
}
