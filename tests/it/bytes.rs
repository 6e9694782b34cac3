//! A backend whose pages are single bytes: the smallest page, and the most pages.

use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{
    Asid, Attributes, MapError, MemoryArea, Permissions, PhysAddr, Retired, Violation, VirtAddr,
    VirtualMemoryManager,
};

use crate::subject::{area, map};

/// All addresses but the last: as many pages as a `usize` counts.
struct Bytes([MemoryArea; 1]);

impl PageTableBackend for Bytes {
    type Reserved = ();

    const PAGE_SIZE: usize = 1;

    fn ranges(&self) -> &[MemoryArea] {
        &self.0
    }

    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        MemoryArea::from_start_size(PhysAddr::new(0), 1 << 56).unwrap()
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

    fn unreserve(&self, (): ()) {}

    fn map(&self, _run: Run, (): &mut ()) {}

    fn unmap(&mut self, _area: MemoryArea, (): &mut (), _out: &mut Retired) {}

    fn protect(&mut self, _area: MemoryArea, _to: Permissions, (): &mut (), _out: &mut Retired) {}

    fn shift(&mut self, _from: MemoryArea, _to: MemoryArea, (): &mut (), _out: &mut Retired) {}

    fn retire(&mut self, _retired: Retired, _asid: Asid) {}

    fn check_invariants(&self) -> Result<(), Violation> {
        Ok(())
    }
}

#[test]
fn the_largest_hole_of_pages_of_one_byte_is_found() {
    let all = area(0, usize::MAX);
    let mut space = VirtualMemoryManager::<Bytes>::new(Bytes([all]));
    assert_eq!(space.largest_hole(all), Some(all));
    space
        .add_memory_map(map(5, 0, 3, Permissions::READ))
        .unwrap();
    assert_eq!(space.largest_hole(all), Some(area(8, usize::MAX - 8)));
    assert_eq!(space.largest_hole(area(0, 8)), Some(area(0, 5)));
    assert_eq!(space.largest_hole(area(5, 3)), None);
    space.check_invariants().unwrap();
}
