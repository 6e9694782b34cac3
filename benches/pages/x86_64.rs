//! `x86_64`'s `OffsetPageTable`, page by page, as it is made for. It has four levels.

use kernel_vm::{FrameAllocator as _, Permissions};
use x86_64::structures::paging::mapper::TranslateResult;
use x86_64::structures::paging::page::{PageRange, Size2MiB, Size4KiB};
use x86_64::structures::paging::{
    FrameAllocator, Mapper, OffsetPageTable, Page, PageSize, PageTable as Table, PageTableFlags,
    PhysFrame, Translate,
};
use x86_64::{PhysAddr, VirtAddr};

use super::work::LARGE;
use super::{Frames, Owner, PageTable, Pages, READ_WRITE};

/// The level of the root table; level 1 has the leaves of 4 KiB.
const TOP: usize = 4;

pub(crate) struct X86_64 {
    table: OffsetPageTable<'static>,
}

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY: the arena hands out each frame once.
unsafe impl FrameAllocator<Size4KiB> for Frames {
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        let at = PhysAddr::new(self.alloc()?.into_addr().get());
        Some(PhysFrame::containing_address(at))
    }
}

fn flags(permissions: Permissions) -> PageTableFlags {
    let mut flags = PageTableFlags::PRESENT | PageTableFlags::NO_EXECUTE;
    let writable = permissions.contains(Permissions::WRITE);
    flags.set(PageTableFlags::WRITABLE, writable);
    flags
}

fn range<S: PageSize>(pages: &Pages) -> PageRange<S> {
    let [start, end] = [pages.start(), pages.end()].map(|addr| VirtAddr::new(addr as u64));
    Page::range(
        Page::containing_address(start),
        Page::containing_address(end),
    )
}

impl X86_64 {
    #[inline]
    #[expect(
        unsafe_code,
        reason = "the crate's own words: mapping may alias memory"
    )]
    fn map_as<S: PageSize>(&mut self, pages: &Pages)
    where
        OffsetPageTable<'static>: Mapper<S>,
    {
        let mut first = pages.first;
        for page in range::<S>(pages) {
            let frame = PhysFrame::containing_address(PhysAddr::new(first));
            first += S::SIZE;
            // SAFETY: no CPU ever uses this page table.
            match unsafe {
                self.table
                    .map_to(page, frame, flags(READ_WRITE), &mut Frames)
            } {
                Ok(flush) => flush.ignore(),
                Err(_refused) => break,
            }
        }
    }

    #[inline]
    fn unmap_as<S: PageSize>(&mut self, pages: &Pages)
    where
        OffsetPageTable<'static>: Mapper<S>,
    {
        for page in range::<S>(pages) {
            if let Ok((_frame, flush)) = self.table.unmap(page) {
                flush.ignore();
            }
        }
    }

    #[inline]
    #[expect(unsafe_code, reason = "the crate's own words: flags may break memory")]
    fn protect_as<S: PageSize>(&mut self, pages: &Pages, permissions: Permissions)
    where
        OffsetPageTable<'static>: Mapper<S>,
    {
        for page in range::<S>(pages) {
            // SAFETY: no CPU ever uses this page table.
            if let Ok(flush) = unsafe { self.table.update_flags(page, flags(permissions)) } {
                flush.ignore();
            }
        }
    }
}

impl PageTable for X86_64 {
    const NAME: &str = "x86_64";
    const FREES_TABLES: bool = false;

    #[expect(unsafe_code, reason = "a table is a frame of memory")]
    fn new() -> Self {
        let at = Frames.alloc().expect("the arena is larger").into_addr();
        // SAFETY: the frame is ours, as large and as aligned as a table, and all bytes are entries.
        let root = unsafe { Frames.reach(at).cast::<Table>().as_mut() };
        root.zero();
        // SAFETY: the table is empty, and physical addresses are the host's own.
        let table = unsafe { OffsetPageTable::new(root, VirtAddr::zero()) };
        Self { table }
    }

    /// What is refused has changed nothing, as far as one page goes.
    #[inline]
    fn map(&mut self, pages: &Pages) {
        if pages.leaf == LARGE {
            self.map_as::<Size2MiB>(pages);
        } else {
            self.map_as::<Size4KiB>(pages);
        }
    }

    #[inline]
    fn unmap(&mut self, pages: &Pages) {
        if pages.leaf == LARGE {
            self.unmap_as::<Size2MiB>(pages);
        } else {
            self.unmap_as::<Size4KiB>(pages);
        }
    }

    #[inline]
    fn protect(&mut self, pages: &Pages, permissions: Permissions) {
        if pages.leaf == LARGE {
            self.protect_as::<Size2MiB>(pages, permissions);
        } else {
            self.protect_as::<Size4KiB>(pages, permissions);
        }
    }

    #[inline]
    fn query(&self, addr: usize) -> Option<u64> {
        let found = self.table.translate_addr(VirtAddr::new(addr as u64));
        found.map(PhysAddr::as_u64)
    }

    fn permissions(&self, addr: usize) -> Option<Permissions> {
        match self.table.translate(VirtAddr::new(addr as u64)) {
            TranslateResult::Mapped { flags, .. } => {
                let writable = flags.contains(PageTableFlags::WRITABLE);
                Some(if writable {
                    READ_WRITE
                } else {
                    Permissions::READ
                })
            }
            _ => None,
        }
    }
}

/// The crate gives no frame back: a kernel's own loop does, as soon as a page is out, with no flush between.
impl Owner for X86_64 {
    #[expect(unsafe_code, reason = "page tables know addresses alone")]
    fn unmap_owned(&mut self, pages: &Pages) {
        for page in range::<Size4KiB>(pages) {
            if let Ok((frame, flush)) = self.table.unmap(page) {
                flush.ignore();
                // SAFETY: `install` has put the frame there, and its page is out.
                unsafe { Frames.release_addr(frame.start_address().as_u64()) };
            }
        }
    }
}

impl Drop for X86_64 {
    fn drop(&mut self) {
        release(self.table.level_4_table(), TOP);
    }
}

/// Gives back a table and all below it.
#[expect(unsafe_code, reason = "a table is a frame of memory")]
fn release(table: &Table, level: usize) {
    let is_table = |flags: PageTableFlags| {
        flags.contains(PageTableFlags::PRESENT) && !flags.contains(PageTableFlags::HUGE_PAGE)
    };
    if level > 1 {
        for entry in table.iter().filter(|entry| is_table(entry.flags())) {
            let at = kernel_vm::PhysAddr::new(entry.addr().as_u64());
            // SAFETY: the mapper has made the entry, and a table there.
            release(unsafe { Frames.reach(at).cast().as_ref() }, level - 1);
        }
    }
    // SAFETY: it was handed out by the arena, and the page table goes.
    unsafe { Frames.release_addr(std::ptr::from_ref(table).addr() as u64) };
}
