//! A page table that is not there.

use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{
    Asid, Attributes, MapError, MemoryArea, Permissions, PhysAddr, Retired, Violation, VirtAddr,
};

/// It says what can be mapped and does nothing, so that what is measured is the manager.
pub(crate) struct NoOp {
    ranges: [MemoryArea; 1],
    physical: MemoryArea<PhysAddr>,
}

impl NoOp {
    pub(crate) fn new() -> Self {
        let low = MemoryArea::new(VirtAddr::new(0), VirtAddr::new(usize::MAX >> 1));
        let physical = MemoryArea::new(PhysAddr::new(0), PhysAddr::new((1 << 56) - 1));
        Self {
            ranges: [low.expect("half of the space")],
            physical: physical.expect("56 bits"),
        }
    }
}

impl PageTableBackend for NoOp {
    type Reserved = ();

    const PAGE_SIZE: usize = super::PAGE;

    fn ranges(&self) -> &[MemoryArea] {
        &self.ranges
    }

    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        self.physical
    }

    fn root(&self) -> PhysAddr {
        PhysAddr::new(0)
    }

    fn supports(&self, _attributes: Attributes) -> Result<(), MapError> {
        Ok(())
    }

    fn entry(&self, _addr: VirtAddr) -> Entry {
        Entry::Empty
    }

    fn populated(&self, _area: MemoryArea) -> impl Iterator<Item = Run> {
        core::iter::empty()
    }

    fn reserve(&self, _edits: impl Iterator<Item = Edit>) -> Result<(), MapError> {
        Ok(())
    }

    fn unreserve(&self, _reserved: ()) {}

    fn map(&self, _run: Run, _with: &mut ()) {}

    fn unmap(&mut self, _area: MemoryArea, _with: &mut (), _out: &mut Retired) {}

    fn protect(
        &mut self,
        _area: MemoryArea,
        _permissions: Permissions,
        _with: &mut (),
        _out: &mut Retired,
    ) {
    }

    fn retire(&mut self, _retired: Retired, _asid: Asid) {}

    fn check_invariants(&self) -> Result<(), Violation> {
        Ok(())
    }
}
