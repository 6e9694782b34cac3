//! `memory_set` with the linear backend that its users write, over a page table that is not there.

use kernel_vm::{MapError, MemoryArea, Permissions, VirtAddr};
use memory_addr::AddrRange;
use memory_set::{MappingBackend, MemorySet as Set};

use super::Store;
use crate::workload::{AreaValue, Entry, PAGE, check, check_protect, check_unmap};

#[derive(Clone)]
struct Linear {
    value: AreaValue,
}

impl MappingBackend for Linear {
    type Addr = usize;
    type Flags = Permissions;
    type PageTable = ();

    fn map(&self, _start: usize, _size: usize, _flags: Permissions, _table: &mut ()) -> bool {
        true
    }

    fn unmap(&self, _start: usize, _size: usize, _table: &mut ()) -> bool {
        true
    }

    fn protect(&self, _start: usize, _size: usize, _flags: Permissions, _table: &mut ()) -> bool {
        true
    }
}

pub(crate) struct MemorySet {
    areas: Set<Linear>,
}

impl MemorySet {
    fn map(&mut self, entry: &Entry, replace: bool) -> Result<(), MapError> {
        check(entry)?;
        let backend = Linear {
            value: entry.value(),
        };
        let (start, size) = (entry.start(), entry.area.size());
        let area = memory_set::MemoryArea::new(start, size, entry.permissions, backend);
        let existing = entry.area;
        self.areas
            .map(area, &mut (), replace)
            .map_err(|_| MapError::Overlap { existing })
    }
}

impl Store for MemorySet {
    const NAME: &str = "memory_set";

    fn new() -> Self {
        Self { areas: Set::new() }
    }

    fn len(&self) -> usize {
        self.areas.len()
    }

    fn lookup(&self, addr: usize) -> Option<u64> {
        let area = self.areas.find(addr)?;
        Some(area.backend().value.translate(addr))
    }

    fn insert(&mut self, entry: Entry) -> Result<(), MapError> {
        self.map(&entry, false)
    }

    fn unmap(&mut self, area: MemoryArea) -> Result<(), MapError> {
        check_unmap(area)?;
        self.areas
            .unmap(area.start().get(), area.size(), &mut ())
            .map_err(|_| MapError::OutOfRange { area })
    }

    fn protect(&mut self, area: MemoryArea, permissions: Permissions) -> Result<(), MapError> {
        check_protect(area, permissions)?;
        let mut rest = Some(area);
        while let Some(hole) = rest {
            let found = self.areas.find(hole.start().get());
            let next = found.ok_or(MapError::NotMapped { hole })?.end();
            rest = MemoryArea::new(VirtAddr::new(next), area.end()).ok();
        }
        let (start, size) = (area.start().get(), area.size());
        self.areas
            .protect(start, size, |_| Some(permissions), &mut ())
            .map_err(|_| MapError::OutOfRange { area })
    }

    fn find_gap(&self, size: usize, window: MemoryArea) -> Option<usize> {
        let (start, end) = (window.start().get(), window.end().get());
        let limit = AddrRange::new(start, end + 1);
        self.areas.find_free_area(start, size, limit, PAGE)
    }

    /// It does not join, so `whole` is one area again only when it is mapped over its parts.
    fn unmap_middle(&mut self, whole: &Entry, page: &Entry) -> Result<(), MapError> {
        self.unmap(page.area)?;
        self.map(whole, true)
    }

    /// As [`unmap_middle`](Self::unmap_middle). That brings the permissions back, too.
    fn protect_middle(
        &mut self,
        whole: &Entry,
        page: &Entry,
        permissions: Permissions,
    ) -> Result<(), MapError> {
        self.protect(page.area, permissions)?;
        self.map(whole, true)
    }
}
