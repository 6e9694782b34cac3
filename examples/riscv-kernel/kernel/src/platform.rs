//! What kernel-vm asks of a kernel: where frames come from, and who must hear of a flush.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::SeqCst;
use core::sync::atomic::fence;

use kernel_vm::backend::riscv;
use kernel_vm::{Asid, Counted, Flush, MemoryArea, PhysAddr, Tlb, VirtAddr};

use crate::asids::Tags;
use crate::frames::Pool;
use crate::layout::PAGE;
use crate::mode::MODE;
use crate::{frames, harts, sbi};

/// What a space is on: the frames that all share, and whoever has cached something of this space.
pub type KernelPlatform = (&'static Counted<Pool>, Hearers);

/// Who must hear of a space's flushes.
#[derive(Clone, Debug)]
pub struct Hearers {
    /// Nothing for the kernel's half, which all harts run without an ASID.
    tags: Option<Arc<Tags>>,
}

/// What the kernel's own half is on.
pub fn for_kernel() -> KernelPlatform {
    (frames::counted(), Hearers { tags: None })
}

/// What a program's space is on.
pub fn for_program(tags: Arc<Tags>) -> KernelPlatform {
    (frames::counted(), Hearers { tags: Some(tags) })
}

/// From how many pages on it is cheaper to forget everything.
const MANY: usize = 64;

impl Tlb for Hearers {
    /// A space stays cached under its ASID when a hart goes on to another. So all hear of it that have ever run it; and
    /// of the kernel's half, all that are up.
    fn flush(&self, flush: &Flush<'_>) {
        // The page table's stores come before whatever the other harts do next. (`sfence.vma` orders our own.)
        fence(SeqCst);
        let (asid, harts) = match self.tags.as_ref().map(|tags| tags.cached()) {
            // A fence with an ASID passes global translations over.
            Some((asid, harts)) if !flush.is_global() => (Some(asid), harts),
            _ => (None, harts::all()),
        };
        match few(flush) {
            Some(ranges) => ranges.iter().for_each(|&pages| forget(pages, asid, harts)),
            None => forget_all(asid, harts),
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

/// Makes these harts, and this one, forget the leaves that translate these pages.
fn forget(area: MemoryArea, asid: Option<Asid>, harts: sbi::Harts) {
    let (start, size) = (area.start().get(), area.size());
    for page in pages(area) {
        match asid {
            Some(asid) => riscv::sfence_vma(page, asid),
            None => riscv::sfence_vma_addr(page),
        }
    }
    remote(start, size, asid, harts);
}

/// Makes these harts, and this one, forget the space, or all spaces.
fn forget_all(asid: Option<Asid>, harts: sbi::Harts) {
    match asid {
        Some(asid) => riscv::sfence_vma_asid(asid),
        None => riscv::sfence_vma_all(),
    }
    remote(0, usize::MAX, asid, harts);
}

fn remote(start: usize, size: usize, asid: Option<Asid>, harts: sbi::Harts) {
    let Some(others) = harts::others_of(harts) else {
        return;
    };
    let done = match asid {
        Some(asid) => sbi::remote_sfence_vma_asid(others, start, size, asid.get()),
        None => sbi::remote_sfence_vma(others, start, size),
    };
    // A hart that was not told would go on using memory that is not its own: there is no going on from that.
    done.expect("the firmware fences harts that it has started");
}
