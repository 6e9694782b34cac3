//! This crate's Sv39 tables, by the backend's public calls: every edit is reserved, made, flushed and reaped.

use std::iter::once;

use kernel_vm::backend::Paging;
use kernel_vm::backend::radix::{AccessedDirty, Features};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run, sv39::Sv39};
use kernel_vm::{Asid, Attributes, MemoryType, Permissions, PhysAddr, VirtAddr};

use super::work::PAGE;
use super::{Frames, Owner, PageTable, Pages, READ_WRITE};

const ASID: Asid = Asid::new(0);

/// With accessed and dirty bits that are set from the start.
pub(crate) type KernelVm = Table<false>;

/// With those that the MMU sets whenever it likes (Svadu), so that edits which could lose one read and write in one
/// step.
pub(crate) type Svadu = Table<true>;

pub(crate) struct Table<const SVADU: bool> {
    table: Sv39<Frames>,
}

impl<const SVADU: bool> Table<SVADU> {
    fn edit(&mut self, edit: Edit) {
        self.table.edit(edit, ASID).expect("the arena is larger");
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
        attributes: Attributes::new(READ_WRITE, MemoryType::Normal),
    }
}

impl<const SVADU: bool> PageTable for Table<SVADU> {
    const NAME: &str = if SVADU {
        "kernel-vm-svadu"
    } else {
        "kernel-vm"
    };
    const FREES_TABLES: bool = true;

    fn new() -> Self {
        let accessed_dirty = if SVADU {
            AccessedDirty::Hardware
        } else {
            AccessedDirty::Preset
        };
        let features = Features::new().with_accessed_dirty(accessed_dirty);
        let table = Sv39::with_features(Frames, features);
        Self {
            table: table.expect("the arena is larger"),
        }
    }

    /// That a slot is taken is the manager's to refuse, by its tree; the backend leaves it as it is.
    #[inline]
    fn map(&mut self, pages: &Pages) {
        self.edit(Edit::Map(run(pages)));
    }

    #[inline]
    fn unmap(&mut self, pages: &Pages) {
        self.edit(Edit::Unmap(pages.area));
    }

    #[inline]
    fn protect(&mut self, pages: &Pages, permissions: Permissions) {
        self.edit(Edit::Protect(pages.area, permissions));
    }

    #[inline]
    fn map_one(&mut self, page: &Pages) {
        let made = self.table.edit(Edit::Map(run(page)), ASID);
        assert!(made.is_ok(), "there is a table");
    }

    #[inline]
    fn unmap_one(&mut self, page: &Pages) {
        let made = self.table.edit(Edit::Unmap(page.area), ASID);
        assert!(made.is_ok(), "it needs nothing");
    }

    #[inline]
    fn query(&self, addr: usize) -> Option<u64> {
        self.table.translate(VirtAddr::new(addr)).map(PhysAddr::get)
    }

    fn permissions(&self, addr: usize) -> Option<Permissions> {
        Some(self.run(addr)?.attributes.permissions)
    }
}

impl<const SVADU: bool> Owner for Table<SVADU> {
    fn install(&mut self, pages: &Pages) {
        for addr in (pages.start()..pages.end()).step_by(PAGE) {
            let page = pages.leaf_at(addr);
            let reserved = self.table.reserve(once(Edit::Map(run(&page))));
            let mut reserved = reserved.expect("the arena is larger");
            let (frame, attributes) = (Frames.alloc_page(), run(&page).attributes);
            let start = page.area.start();
            let installed = self.table.install(start, frame, attributes, &mut reserved);
            installed.expect("nothing is there");
            self.table.unreserve(reserved);
        }
    }

    fn unmap_owned(&mut self, pages: &Pages) {
        self.unmap(pages);
    }
}
