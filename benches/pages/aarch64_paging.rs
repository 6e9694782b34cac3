//! `aarch64-paging`'s `Mapping`, with three levels.

use std::ptr::NonNull;

use aarch64_paging::Mapping;
use aarch64_paging::descriptor::{Descriptor, El1Attributes, PhysicalAddress, UpdatableDescriptor};
use aarch64_paging::paging::{
    Constraints, El1And0, MemoryRegion, PageTable as Table, Translation, VaRange,
};
use kernel_vm::{FrameAllocator, Permissions, PhysAddr};

use super::work::{LARGE, PAGE};
use super::{Frames, PageTable, Pages, READ_WRITE};

const ROOT_LEVEL: usize = 1;

const LEAF: El1Attributes = El1Attributes::VALID
    .union(El1Attributes::ACCESSED)
    .union(El1Attributes::NON_GLOBAL)
    .union(El1Attributes::INNER_SHAREABLE)
    .union(El1Attributes::ATTRIBUTE_INDEX_1);

pub(crate) struct Aarch64Paging {
    table: Mapping<Frames, El1And0>,
}

impl Translation<El1Attributes> for Frames {
    #[expect(unsafe_code, reason = "a table is a frame of memory")]
    fn allocate_table(&mut self) -> (NonNull<Table<El1Attributes>>, PhysicalAddress) {
        let at = self.alloc().expect("the arena is larger").into_addr();
        let table = self.reach(at);
        // SAFETY: the frame is ours, and of this size.
        unsafe { table.write_bytes(0, PAGE) };
        (table.cast(), PhysicalAddress(at.get() as usize))
    }

    #[expect(unsafe_code, reason = "page tables know addresses alone")]
    unsafe fn deallocate_table(&mut self, page_table: NonNull<Table<El1Attributes>>) {
        // SAFETY: the caller has it from `allocate_table`, and gives it up.
        unsafe { self.release_addr(page_table.addr().get() as u64) };
    }

    fn physical_to_virtual(&self, pa: PhysicalAddress) -> NonNull<Table<El1Attributes>> {
        self.reach(PhysAddr::new(pa.0 as u64)).cast()
    }
}

fn region(pages: &Pages) -> MemoryRegion {
    MemoryRegion::new(pages.start(), pages.end())
}

impl Aarch64Paging {
    /// The leaf that maps `addr`: where it leads, and what it says.
    #[inline]
    fn leaf(&self, addr: usize) -> Option<(u64, El1Attributes)> {
        let mut found = None;
        let mut visit = |_: &MemoryRegion, leaf: &Descriptor<El1Attributes>, level: usize| {
            if leaf.is_valid() {
                let span = PAGE << (9 * (3 - level));
                let at = leaf.output_address().0 | addr & (span - 1);
                found = Some((at as u64, leaf.flags()));
            }
            Ok(())
        };
        let page = MemoryRegion::new(addr, addr + 1);
        self.table.walk_range(&page, &mut visit).ok()?;
        found
    }
}

impl PageTable for Aarch64Paging {
    const NAME: &str = "aarch64-paging";
    const FREES_TABLES: bool = false;

    fn new() -> Self {
        Self {
            table: Mapping::with_asid_and_va_range(Frames, 1, ROOT_LEVEL, El1And0, VaRange::Lower),
        }
    }

    /// It would overwrite what is there, so a kernel looks first.
    #[inline]
    fn map(&mut self, pages: &Pages) {
        let region = region(pages);
        let mut free = |_: &MemoryRegion, leaf: &Descriptor<El1Attributes>, _: usize| {
            if leaf.is_valid() { Err(()) } else { Ok(()) }
        };
        if self.table.walk_range(&region, &mut free).is_err() {
            return;
        }
        let constraints = if pages.leaf == LARGE {
            Constraints::empty()
        } else {
            Constraints::NO_BLOCK_MAPPINGS
        };
        let first = PhysicalAddress(pages.first as usize);
        let mapped = self.table.map_range(&region, first, LEAF, constraints);
        mapped.expect("in range");
    }

    #[inline]
    fn unmap(&mut self, pages: &Pages) {
        let (region, none) = (region(pages), El1Attributes::empty());
        let (first, constraints) = (PhysicalAddress(0), Constraints::empty());
        let unmapped = self.table.map_range(&region, first, none, constraints);
        unmapped.expect("in range");
    }

    #[inline]
    fn protect(&mut self, pages: &Pages, permissions: Permissions) {
        let read_only = El1Attributes::READ_ONLY;
        let none = El1Attributes::empty();
        let (set, clear) = if permissions.contains(Permissions::WRITE) {
            (none, read_only)
        } else {
            (read_only, none)
        };
        let update = |_: &MemoryRegion, leaf: &mut UpdatableDescriptor<'_, El1Attributes>| {
            if leaf.flags().contains(El1Attributes::VALID) {
                leaf.modify_flags(set, clear)
            } else {
                Ok(())
            }
        };
        let protected = self.table.modify_range(&region(pages), &update);
        protected.expect("in range");
    }

    #[inline]
    fn query(&self, addr: usize) -> Option<u64> {
        self.leaf(addr).map(|(at, _)| at)
    }

    fn permissions(&self, addr: usize) -> Option<Permissions> {
        let (_, flags) = self.leaf(addr)?;
        let read_only = flags.contains(El1Attributes::READ_ONLY);
        Some(if read_only {
            Permissions::READ
        } else {
            READ_WRITE
        })
    }
}
