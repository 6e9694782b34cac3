//! What every store keeps of an area.

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::backend::{Edit, Run, check_area, check_edit};
use kernel_vm::{
    Attributes, MapError, MemoryArea, MemoryType, Permissions, PhysAddr, VirtAddr, VirtualMemoryMap,
};

/// An area, the physical address of its first byte, and what a kernel says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) area: MemoryArea,
    pub(crate) first: u64,
    pub(crate) permissions: Permissions,
    pub(crate) is_shared: bool,
}

/// What is the same for every byte of an area, so that its parts have equal values: for maps that keep ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AreaValue {
    /// The physical address less the virtual one.
    pub(crate) shift: u64,
    pub(crate) permissions: Permissions,
    pub(crate) is_shared: bool,
}

impl Entry {
    pub(crate) fn start(&self) -> usize {
        self.area.start().get()
    }

    /// The last byte.
    pub(crate) fn end(&self) -> usize {
        self.area.end().get()
    }

    pub(crate) fn translate(&self, addr: usize) -> Option<u64> {
        let offset = self.area.offset_of(VirtAddr::new(addr))?;
        Some(self.first + offset as u64)
    }

    /// The part of it that lies in `area`.
    pub(crate) fn within(&self, area: MemoryArea) -> Option<Self> {
        let area = self.area.intersection(area)?;
        Some(Self {
            area,
            first: self.translate(area.start().get())?,
            ..*self
        })
    }

    /// The parts of it that lie below and above `area`.
    pub(crate) fn without(&self, area: MemoryArea) -> [Option<Self>; 2] {
        let below = area.start().checked_sub(1);
        let below = below.and_then(|end| MemoryArea::new(VirtAddr::new(0), end).ok());
        let above = area.next();
        let above = above.and_then(|start| MemoryArea::new(start, VirtAddr::new(usize::MAX)).ok());
        [below, above].map(|part| self.within(part?))
    }

    /// This entry and `right` as one, if `right` continues it.
    pub(crate) fn join(&self, right: &Self) -> Option<Self> {
        let joins = self.area.next() == Some(right.area.start())
            && self.first + self.area.size() as u64 == right.first
            && self.permissions == right.permissions
            && self.is_shared == right.is_shared;
        let hull = MemoryArea::new(self.area.start(), right.area.end()).ok()?;
        joins.then_some(Self {
            area: hull,
            ..*self
        })
    }

    pub(crate) fn value(&self) -> AreaValue {
        AreaValue {
            shift: self.first.wrapping_sub(self.start() as u64),
            permissions: self.permissions,
            is_shared: self.is_shared,
        }
    }

    pub(crate) fn map(&self) -> VirtualMemoryMap {
        let pmarea = MemoryArea::from_start_size(PhysAddr::new(self.first), self.area.size());
        let pmarea = pmarea.expect("below 2^56");
        VirtualMemoryMap::new(self.area, pmarea, self.permissions, self.is_shared)
            .expect("sizes agree")
    }
}

impl AreaValue {
    pub(crate) fn translate(&self, addr: usize) -> u64 {
        self.shift.wrapping_add(addr as u64)
    }
}

/// What a kernel refuses before it looks at its maps: the same for every store, as the manager's own.
pub(crate) fn check(entry: &Entry) -> Result<(), MapError> {
    let run = Run {
        area: entry.area,
        first: PhysAddr::new(entry.first),
        attributes: Attributes::new(entry.permissions, MemoryType::Normal),
    };
    check_edit(&NoPageTable::new(), Edit::Map(run))
}

/// As [`check`], before something is unmapped.
pub(crate) fn check_unmap(area: MemoryArea) -> Result<(), MapError> {
    check_area(&NoPageTable::new(), area)
}

/// As [`check`], before permissions change.
pub(crate) fn check_protect(area: MemoryArea, permissions: Permissions) -> Result<(), MapError> {
    check_edit(&NoPageTable::new(), Edit::Protect(area, permissions))
}
