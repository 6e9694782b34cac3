//! What kernel-vm asks of a kernel: where frames come from, and who must hear of a flush.

use core::ptr::NonNull;
use core::sync::atomic::Ordering::SeqCst;
use core::sync::atomic::fence;

use kernel_vm::backend::riscv;
use kernel_vm::{
    Asid, Flush, Frame, FrameAllocator, MemoryArea, PhysAddr, ShareError, Tlb, VirtAddr,
};

use crate::layout::{PAGE, direct};
use crate::mode::MODE;
use crate::{frames, harts, sbi};

/// This kernel and this machine: there is one of each, so nothing is in it.
#[derive(Clone, Copy, Debug)]
pub struct KernelPlatform;

// SAFETY: `frames` hands each frame out once until its last reference is released, page-aligned; all of its pool is in
// the direct map at a constant offset, from the boot table on, and nobody unmaps it.
unsafe impl FrameAllocator for KernelPlatform {
    fn alloc(&self) -> Option<Frame> {
        frames::alloc()
    }

    fn release(&self, frame: Frame, _dirty: bool) {
        frames::release(frame);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        let mapped = core::ptr::with_exposed_provenance_mut(direct(at));
        NonNull::new(mapped).expect("the direct map does not begin at address 0")
    }

    fn counts(&self, at: PhysAddr) -> bool {
        frames::counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { frames::share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        frames::is_unique(at)
    }
}

/// From how many pages on it is cheaper to forget everything.
const MANY: usize = 64;

impl Tlb for KernelPlatform {
    /// Any hart may have cached any space: it stays cached under its ASID when a hart goes on to another. So all hear
    /// of all. A kernel with many harts keeps a mask for each space.
    fn flush(&self, flush: &Flush<'_>) {
        // The page table's stores come before whatever the other harts do next. (`sfence.vma` orders our own.)
        fence(SeqCst);
        // A fence with an ASID passes global translations over.
        let asid = flush.asid().filter(|_| !flush.is_global());
        match few(flush) {
            Some(ranges) => ranges.iter().for_each(|&pages| forget(pages, asid)),
            None => forget_all(asid),
        }
    }

    /// Harts may have cached that nothing was there. In the kernel's half all must forget that at once: a fault there
    /// is the end. In a program's half the others have a spurious fault at worst, which ends in a
    /// [`fence`](Self::fence).
    fn made_valid(&self, made: &Flush<'_>) {
        if made.is_global() {
            self.flush(made);
        } else {
            self.fence(made);
        }
    }

    fn fence(&self, stale: &Flush<'_>) {
        fence(SeqCst);
        match few(stale) {
            Some(ranges) => {
                let pages = ranges.iter().copied().flat_map(pages);
                pages.for_each(riscv::sfence_vma_addr);
            }
            None => riscv::sfence_vma_all(),
        }
    }

    /// Instruction fetches are not ordered with stores: not our own, and not those of others.
    fn made_code(&self, _area: MemoryArea<PhysAddr>) {
        fence(SeqCst);
        // SAFETY: the fence only makes instructions be fetched again.
        unsafe { core::arch::asm!("fence.i", options(nostack)) };
        let done = harts::others().map_or(Ok(0), sbi::remote_fence_i);
        done.expect("the firmware fences harts that it has started");
    }
}

/// What is forgotten page by page, if that is cheaper and does it. All spaces of this kernel, and so all harts, are in one
/// mode.
fn few<'a>(flush: &Flush<'a>) -> Option<&'a [MemoryArea]> {
    flush.page_by_page(MANY * PAGE, |addr| MODE.is_canonical(addr))
}

fn pages(area: MemoryArea) -> impl Iterator<Item = VirtAddr> {
    (0..area.size())
        .step_by(PAGE)
        .filter_map(move |offset| area.at(offset))
}

/// Makes every hart forget the leaves that translate these pages.
fn forget(area: MemoryArea, asid: Option<Asid>) {
    let (start, size) = (area.start().get(), area.size());
    for page in pages(area) {
        match asid {
            Some(asid) => riscv::sfence_vma(page, asid),
            None => riscv::sfence_vma_addr(page),
        }
    }
    remote(start, size, asid);
}

/// Makes every hart forget the space, or all spaces.
fn forget_all(asid: Option<Asid>) {
    match asid {
        Some(asid) => riscv::sfence_vma_asid(asid),
        None => riscv::sfence_vma_all(),
    }
    remote(0, usize::MAX, asid);
}

fn remote(start: usize, size: usize, asid: Option<Asid>) {
    let Some(others) = harts::others() else {
        return;
    };
    let done = match asid {
        Some(asid) => sbi::remote_sfence_vma_asid(others, start, size, asid.get()),
        None => sbi::remote_sfence_vma(others, start, size),
    };
    // A hart that was not told would go on using memory that is not its own: there is no going on from that.
    done.expect("the firmware fences harts that it has started");
}
