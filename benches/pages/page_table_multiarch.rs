//! `page_table_multiarch`, with Sv39's geometry and entries: its own are there on RISC-V only.

use kernel_vm::{FrameAllocator, Permissions};
use memory_addr::{PhysAddr, VirtAddr};
use page_table_multiarch::{
    GenericPTE, MappingFlags, PageSize, PageTable64, PagingHandler, PagingMetaData,
};

use super::words::sv39 as word;
use super::work::{LARGE, PAGE};
use super::{Frames, Owner, PageTable, Pages, READ_WRITE};

/// An entry of Sv39.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
struct Entry(u64);

struct Geometry;

struct Handler;

pub(crate) struct PageTableMultiarch {
    table: PageTable64<Geometry, Entry, Handler>,
}

/// The crate's flags are in the order that [`Permissions`] has.
fn flags(permissions: Permissions) -> MappingFlags {
    MappingFlags::from_bits_truncate(usize::from(permissions.bits()))
}

fn permissions(flags: MappingFlags) -> Permissions {
    Permissions::from_bits_truncate(flags.bits() as u8)
}

impl GenericPTE for Entry {
    fn new_page(paddr: PhysAddr, flags: MappingFlags, _is_huge: bool) -> Self {
        Self(word::leaf(paddr.as_usize() as u64, permissions(flags)))
    }

    fn new_table(paddr: PhysAddr) -> Self {
        Self(word::table(paddr.as_usize() as u64))
    }

    fn paddr(&self) -> PhysAddr {
        PhysAddr::from_usize(word::address(self.0) as usize)
    }

    fn flags(&self) -> MappingFlags {
        flags(word::permissions(self.0))
    }

    fn set_paddr(&mut self, paddr: PhysAddr) {
        *self = Self::new_page(paddr, self.flags(), false);
    }

    fn set_flags(&mut self, flags: MappingFlags, is_huge: bool) {
        *self = Self::new_page(self.paddr(), flags, is_huge);
    }

    fn bits(self) -> usize {
        self.0 as usize
    }

    fn is_unused(&self) -> bool {
        self.0 == 0
    }

    fn is_present(&self) -> bool {
        word::is_valid(self.0)
    }

    fn is_huge(&self) -> bool {
        word::is_leaf(self.0)
    }

    fn clear(&mut self) {
        self.0 = 0;
    }
}

impl PagingMetaData for Geometry {
    const LEVELS: usize = 3;
    const PA_MAX_BITS: usize = 56;
    const VA_MAX_BITS: usize = 39;

    type VirtAddr = VirtAddr;

    fn flush_tlb(_vaddr: Option<VirtAddr>) {}
}

impl PagingHandler for Handler {
    fn alloc_frames(count: usize, align: usize) -> Option<PhysAddr> {
        if count != 1 || align > PAGE {
            return None;
        }
        let at = Frames.alloc()?.into_addr();
        Some(PhysAddr::from_usize(at.get() as usize))
    }

    #[expect(unsafe_code, reason = "page tables know addresses alone")]
    fn dealloc_frames(paddr: PhysAddr, _count: usize) {
        // SAFETY: page tables give back what `alloc_frames` answered, one at a time, when they are dropped.
        unsafe { Frames.release_addr(paddr.as_usize() as u64) };
    }

    fn phys_to_virt(paddr: PhysAddr) -> VirtAddr {
        VirtAddr::from_usize(paddr.as_usize())
    }
}

impl PageTable for PageTableMultiarch {
    const NAME: &str = "page_table_multiarch";
    const FREES_TABLES: bool = false;

    fn new() -> Self {
        Self {
            table: PageTable64::try_new().expect("the arena is larger"),
        }
    }

    /// What is refused has changed nothing, as far as one page goes.
    #[inline]
    fn map(&mut self, pages: &Pages) {
        let start = VirtAddr::from_usize(pages.start());
        let (from, first) = (pages.start(), pages.first as usize);
        let frame = |page: VirtAddr| PhysAddr::from_usize(first + (page.as_usize() - from));
        let mut cursor = self.table.cursor();
        let large = pages.leaf == LARGE;
        let _refused = cursor.map_region(start, frame, pages.bytes(), flags(READ_WRITE), large);
    }

    #[inline]
    fn unmap(&mut self, pages: &Pages) {
        let start = VirtAddr::from_usize(pages.start());
        let unmapped = self.table.cursor().unmap_region(start, pages.bytes());
        unmapped.expect("it is mapped");
    }

    #[inline]
    fn protect(&mut self, pages: &Pages, permissions: Permissions) {
        let start = VirtAddr::from_usize(pages.start());
        let mut cursor = self.table.cursor();
        let protected = cursor.protect_region(start, pages.bytes(), flags(permissions));
        protected.expect("no leaf is cut");
    }

    #[inline]
    fn query(&self, addr: usize) -> Option<u64> {
        let found = self.table.query(VirtAddr::from_usize(addr));
        found.ok().map(|(paddr, ..)| paddr.as_usize() as u64)
    }

    fn permissions(&self, addr: usize) -> Option<Permissions> {
        let (_, flags, _) = self.table.query(VirtAddr::from_usize(addr)).ok()?;
        Some(permissions(flags))
    }

    #[inline(always)]
    fn map_one(&mut self, page: &Pages) {
        let (start, first) = (page.start(), page.first as usize);
        let (start, first) = (VirtAddr::from_usize(start), PhysAddr::from_usize(first));
        let mut cursor = self.table.cursor();
        let _refused = cursor.map(start, first, PageSize::Size4K, flags(READ_WRITE));
    }

    #[inline(always)]
    fn unmap_one(&mut self, page: &Pages) {
        let start = VirtAddr::from_usize(page.start());
        let unmapped = self.table.cursor().unmap(start);
        unmapped.expect("it is mapped");
    }
}

/// The crate gives no frame back: a kernel's own loop does, as soon as a page is out, with no flush between.
impl Owner for PageTableMultiarch {
    #[expect(unsafe_code, reason = "page tables know addresses alone")]
    fn unmap_owned(&mut self, pages: &Pages) {
        let mut cursor = self.table.cursor();
        for addr in (pages.start()..pages.end()).step_by(PAGE) {
            let unmapped = cursor.unmap(VirtAddr::from_usize(addr));
            let (frame, ..) = unmapped.expect("it is mapped");
            // SAFETY: `install` has put the frame there, and its page is out.
            unsafe { Frames.release_addr(frame.as_usize() as u64) };
        }
    }
}
