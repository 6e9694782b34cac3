//! This crate's page tables, by the backend's public calls: every edit is reserved, made, flushed and reaped.

use std::iter::once;

use kernel_vm::backend::Paging;
use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::radix::{AccessedDirty, Features, Format, Radix};
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{Asid, Attributes, MemoryType, Permissions, PhysAddr, VirtAddr};

use super::work::PAGE;
use super::{Frames, Owner, PageTable, Pages, READ_WRITE};

const ASID: Asid = Asid::new(0);

/// `Sv39`, with accessed and dirty bits that are set from the start.
pub(crate) type KernelVm = Table<Sv39Format, false>;

/// `Sv39`, with those that the MMU sets whenever it likes (Svadu), so that edits which could lose one read and write in
/// one step.
pub(crate) type Svadu = Table<Sv39Format, true>;

pub(crate) type KernelVmX86_64 = Table<X86_64Format<4>, false>;

pub(crate) type KernelVmAarch64 = Table<Aarch64Format<4>, false>;

pub(crate) struct Table<F: Format, const HARDWARE: bool> {
    table: Radix<F, Frames>,
}

pub(crate) trait Named: Format {
    /// The function's name in criterion's files.
    const NAME: &str;
}

impl Named for Sv39Format {
    const NAME: &str = "kernel-vm";
}

impl Named for X86_64Format<4> {
    const NAME: &str = "kernel-vm-x86_64";
}

impl Named for Aarch64Format<4> {
    const NAME: &str = "kernel-vm-aarch64";
}

impl<F: Format, const HARDWARE: bool> Table<F, HARDWARE> {
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

impl<F: Named, const HARDWARE: bool> PageTable for Table<F, HARDWARE> {
    const NAME: &str = if HARDWARE { "kernel-vm-svadu" } else { F::NAME };
    const FREES_TABLES: bool = true;

    fn new() -> Self {
        let accessed_dirty = if HARDWARE {
            AccessedDirty::Hardware
        } else {
            AccessedDirty::Preset
        };
        let features = Features::new().with_accessed_dirty(accessed_dirty);
        let table = Radix::with_features(Frames, features);
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

    #[inline(always)]
    fn map_one(&mut self, page: &Pages) {
        let made = self.table.edit(Edit::Map(run(page)), ASID);
        assert!(made.is_ok(), "there is a table");
    }

    #[inline(always)]
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

impl<F: Named, const HARDWARE: bool> Owner for Table<F, HARDWARE> {
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
