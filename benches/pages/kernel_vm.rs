//! This crate's Sv39 tables, by the backend's public calls: every edit is reserved, made, and retired.

use std::iter::once;

use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run, sv39::Sv39};
use kernel_vm::{
    Asid, Attributes, MemoryArea, MemoryType, Permissions, PhysAddr, Retired, VirtAddr,
};

use super::{Frames, PageTable, Pages, READ_WRITE};

type Reserved = <Sv39<Frames> as PageTableBackend>::Reserved;

const ASID: Asid = Asid::new(0);

pub(crate) struct KernelVm {
    table: Sv39<Frames>,
}

impl KernelVm {
    #[inline]
    fn reserve(&self, edit: Edit) -> Reserved {
        let reserved = self.table.reserve(once(edit));
        reserved.expect("the arena is larger")
    }

    #[inline]
    fn finish(&mut self, left: Reserved, out: Retired) {
        self.table.unreserve(left);
        self.table.retire(out, ASID);
    }

    #[inline]
    fn run(&self, addr: usize) -> Option<Run> {
        match self.table.entry(VirtAddr::new(addr)) {
            Entry::Leaf(run) => Some(run),
            _ => None,
        }
    }
}

#[inline]
const fn run(pages: &Pages) -> Run {
    Run {
        area: pages.area,
        first: PhysAddr::new(pages.first),
        attributes: Attributes {
            permissions: READ_WRITE,
            memory_type: MemoryType::Normal,
        },
    }
}

impl PageTable for KernelVm {
    const NAME: &str = "kernel-vm";
    const FREES_TABLES: bool = true;

    fn new() -> Self {
        Self {
            table: Sv39::new(Frames).expect("the arena is larger"),
        }
    }

    /// That a slot is taken is the manager's to refuse, by its tree; the backend leaves it as it is.
    #[inline]
    fn map(&mut self, pages: &Pages) {
        let run = run(pages);
        let mut reserved = self.reserve(Edit::Map(run));
        self.table.map_exclusive(run, &mut reserved);
        self.table.unreserve(reserved);
    }

    #[inline]
    fn unmap(&mut self, pages: &Pages) {
        let mut reserved = self.reserve(Edit::Unmap(pages.area));
        let mut out = Retired::new();
        self.table.unmap(pages.area, &mut reserved, &mut out);
        self.finish(reserved, out);
    }

    #[inline]
    fn protect(&mut self, pages: &Pages, permissions: Permissions) {
        let area: MemoryArea = pages.area;
        let mut reserved = self.reserve(Edit::Protect(area, permissions));
        let mut out = Retired::new();
        self.table
            .protect(area, permissions, &mut reserved, &mut out);
        self.finish(reserved, out);
    }

    #[inline]
    fn map_one(&mut self, page: &Pages) {
        let edit = Edit::Map(run(page));
        self.table.edit(edit, ASID).expect("there is a table");
    }

    #[inline]
    fn unmap_one(&mut self, page: &Pages) {
        let edit = Edit::Unmap(page.area);
        self.table.edit(edit, ASID).expect("it needs nothing");
    }

    #[inline]
    fn query(&self, addr: usize) -> Option<u64> {
        self.table.translate(VirtAddr::new(addr)).map(PhysAddr::get)
    }

    fn permissions(&self, addr: usize) -> Option<Permissions> {
        Some(self.run(addr)?.attributes.permissions)
    }
}
