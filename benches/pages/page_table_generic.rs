//! `page-table-generic`, with Sv39's geometry and entries.

use kernel_vm::{FrameAllocator as _, Permissions};
use page_table_generic::{
    FrameAllocator, MapConfig, PageTable as Table, PageTableEntry, PhysAddr, TableMeta, VirtAddr,
};

use super::words::sv39 as word;
use super::work::{LARGE, PAGE};
use super::{Frames, PageTable, Pages, READ_WRITE};

/// An entry of Sv39.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
struct Entry(u64);

#[derive(Clone, Copy)]
struct Geometry;

pub(crate) struct PageTableGeneric {
    table: Table<Geometry, Frames>,
}

impl PageTableEntry for Entry {
    type PteConfig = Permissions;

    fn new_page(paddr: PhysAddr, config: Permissions, _is_huge: bool) -> Self {
        Self(word::leaf(paddr.as_usize() as u64, config))
    }

    fn new_table(paddr: PhysAddr) -> Self {
        Self(word::table(paddr.as_usize() as u64))
    }

    fn paddr(&self, _is_dir: bool) -> PhysAddr {
        PhysAddr::from_usize(word::address(self.0) as usize)
    }

    fn config(&self, _is_dir: bool) -> Permissions {
        word::permissions(self.0)
    }

    fn present(&self) -> bool {
        word::is_valid(self.0)
    }

    fn huge(&self, is_dir: bool) -> bool {
        is_dir && word::is_leaf(self.0)
    }

    fn unused(&self) -> bool {
        self.0 == 0
    }

    fn clear(&mut self) {
        self.0 = 0;
    }
}

impl TableMeta for Geometry {
    type P = Entry;

    const PAGE_SIZE: usize = PAGE;
    const LEVEL_BITS: &[usize] = &[9, 9, 9];
    const MAX_BLOCK_LEVEL: usize = 3;

    fn flush(_vaddr: Option<VirtAddr>) {}
}

impl FrameAllocator for Frames {
    fn alloc_frame(&self) -> Option<PhysAddr> {
        let at = self.alloc()?.into_addr();
        Some(PhysAddr::from_usize(at.get() as usize))
    }

    #[expect(unsafe_code, reason = "page tables know addresses alone")]
    fn dealloc_frame(&self, frame: PhysAddr) {
        // SAFETY: page tables give back what `alloc_frame` answered, once.
        unsafe { self.release_addr(frame.as_usize() as u64) };
    }

    fn phys_to_virt(&self, paddr: PhysAddr) -> *mut u8 {
        self.reach(kernel_vm::PhysAddr::new(paddr.as_usize() as u64))
            .as_ptr()
    }
}

impl PageTable for PageTableGeneric {
    const NAME: &str = "page-table-generic";
    const FREES_TABLES: bool = true;

    fn new() -> Self {
        Self {
            table: Table::new(Frames).expect("the arena is larger"),
        }
    }

    /// What is refused has changed nothing, as far as one page goes.
    #[inline]
    fn map(&mut self, pages: &Pages) {
        let _refused = self.table.map(&MapConfig {
            vaddr: VirtAddr::from_usize(pages.start()),
            paddr: PhysAddr::from_usize(pages.first as usize),
            size: pages.bytes(),
            pte: READ_WRITE,
            allow_huge: pages.leaf == LARGE,
            flush: true,
        });
    }

    #[inline]
    fn unmap(&mut self, pages: &Pages) {
        let start = VirtAddr::from_usize(pages.start());
        let unmapped = self.table.unmap(start, pages.bytes());
        unmapped.expect("whole pages");
    }

    #[inline]
    fn protect(&mut self, pages: &Pages, permissions: Permissions) {
        let start = VirtAddr::from_usize(pages.start());
        let protected = self.table.protect_region(start, pages.bytes(), permissions);
        protected.expect("whole pages");
    }

    #[inline]
    fn query(&self, addr: usize) -> Option<u64> {
        let found = self.table.query(VirtAddr::from_usize(addr));
        found.ok().map(|(paddr, ..)| paddr.as_usize() as u64)
    }

    fn permissions(&self, addr: usize) -> Option<Permissions> {
        let (_, permissions, _) = self.table.query(VirtAddr::from_usize(addr)).ok()?;
        Some(permissions)
    }
}
