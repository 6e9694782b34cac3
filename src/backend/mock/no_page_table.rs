//! A page table that is not there: every verb of the backend does nothing.

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

/// A page table that has ranges and does nothing, for tests and measurements of a space's maps by themselves.
///
/// A [`VirtualMemoryManager`](crate::VirtualMemoryManager) over it checks and keeps its maps as over any other. No
/// entry is ever there, so this backend does not keep the [contract](crate::backend::PageTableBackend). No reservation
/// fails, and nothing is flushed. All memory types can be mapped.
///
/// It has `RANGES` ranges, and pages of `PAGE` bytes.
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
pub struct NoPageTable<const RANGES: usize = 1, const PAGE: usize = { page::SIZE }> {
    ranges: [MemoryArea; RANGES],
}

impl NoPageTable {
    /// A page table over the lower half of the space, with pages of 4 KiB. O(1), allocates nothing.
    ///
    /// ```
    /// use kernel_vm::backend::PageTableBackend;
    /// use kernel_vm::backend::mock::NoPageTable;
    ///
    /// let all = NoPageTable::new().ranges()[0];
    /// assert_eq!((all.start().get(), all.end().get()), (0, usize::MAX / 2));
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self::over([MemoryArea::constant(0, usize::MAX >> 1)])
    }
}

impl<const RANGES: usize> NoPageTable<RANGES> {
    /// A page table over these ranges, with pages of 4 KiB. O(1), allocates nothing.
    ///
    /// The ranges are as [`PageTableBackend::ranges`] has it: page-aligned, ascending, and no two touch. The
    /// constructor does not check them.
    ///
    /// ```
    /// use kernel_vm::backend::mock::NoPageTable;
    /// use kernel_vm::{MapError, MemoryArea, Permissions, VirtAddr, VirtualMemoryManager, VirtualMemoryMap};
    ///
    /// let low = MemoryArea::from_start_size(VirtAddr::new(0x1_0000), 0x8000)?;
    /// let mut space = VirtualMemoryManager::new(NoPageTable::over([low]));
    /// let beyond = MemoryArea::from_start_size(VirtAddr::new(0x1_8000), 0x1000)?;
    /// let refused = space.add_memory_map(VirtualMemoryMap::anonymous(beyond, Permissions::READ)?);
    /// assert!(refused.is_err_and(|refused| refused.error() == MapError::OutOfRange { area: beyond }));
    /// # Ok::<(), MapError>(())
    /// ```
    #[must_use]
    pub const fn over(ranges: [MemoryArea; RANGES]) -> Self {
        Self { ranges }
    }
}

impl<const RANGES: usize, const PAGE: usize> NoPageTable<RANGES, PAGE> {
    /// A page table over these ranges, with pages of `PAGE` bytes. O(1), allocates nothing.
    ///
    /// `PAGE` is a power of two, and the ranges are as [`PageTableBackend::ranges`] has it. The constructor checks
    /// neither.
    ///
    /// ```
    /// use kernel_vm::backend::mock::NoPageTable;
    /// use kernel_vm::{MapError, MemoryArea, VirtAddr, VirtualMemoryManager};
    ///
    /// let low = MemoryArea::from_start_size(VirtAddr::new(0), 1 << 30)?;
    /// let table = NoPageTable::<1, { 64 << 10 }>::of_pages([low]); // pages of 64 KiB
    /// let mut space = VirtualMemoryManager::<NoPageTable<1, { 64 << 10 }>>::new(table);
    /// let half = MemoryArea::from_start_size(VirtAddr::new(0x8000), 0x1_0000)?;
    /// let error = MapError::Misaligned { addr: half.start(), align: 64 << 10 };
    /// assert_eq!(space.unmap(half), Err(error));
    /// # Ok::<(), kernel_vm::AreaError>(())
    /// ```
    #[must_use]
    pub const fn of_pages(ranges: [MemoryArea; RANGES]) -> Self {
        Self { ranges }
    }
}

impl Default for NoPageTable {
    fn default() -> Self {
        Self::new()
    }
}

impl<const RANGES: usize, const PAGE: usize> PageTableBackend for NoPageTable<RANGES, PAGE> {
    type Reserved = ();

    const PAGE_SIZE: usize = PAGE;

    /// There is never anything that waits.
    const SETTLES: bool = true;

    fn ranges(&self) -> &[MemoryArea] {
        &self.ranges
    }

    /// 2^56 bytes from 0 on; 2^31 where a pointer has 32 bits.
    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        page::PHYSICAL
    }

    /// Address 0, always: there are no tables.
    fn root(&self) -> PhysAddr {
        PhysAddr::new(0)
    }

    fn supports(&self, _attributes: Attributes) -> Result<(), MapError> {
        Ok(())
    }

    /// [`Entry::Empty`], always.
    fn entry(&self, _addr: VirtAddr) -> Entry {
        Entry::Empty
    }

    /// No run, always.
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
