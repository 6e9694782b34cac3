//! What harts have cached: `satp`, fences, and the firmware's remote fences.

use core::sync::atomic::Ordering::SeqCst;
use core::sync::atomic::fence as memory_fence;

use kernel_vm::backend::riscv::Satp;
use kernel_vm::{Activation, Asid, Flush, MemoryArea, PhysAddr, VirtAddr};

use super::{SATP_MODE, fence_i, instructions as riscv, sbi};
use crate::cpus::{self, CpuSet};
use crate::platform::{MANY, pages};

/// # Safety
/// As [`riscv::activate`] has it.
pub unsafe fn activate(root: PhysAddr, activation: &Activation) {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { riscv::activate(Satp::new(SATP_MODE, activation.asid, root)) };
    if activation.flush {
        riscv::sfence_vma_all();
    }
}

/// # Safety
/// As [`riscv::activate`] has it.
pub unsafe fn activate_kernel(root: PhysAddr) {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { riscv::activate(Satp::new(SATP_MODE, Asid::new(0), root)) };
    // What is cached of the boot table.
    riscv::sfence_vma_all();
}

pub fn lower_root() -> PhysAddr {
    riscv::current().root()
}

pub fn asid_bits() -> u32 {
    // SAFETY: interrupts are off in the kernel, and it runs on global translations or on those of the boot table.
    unsafe { riscv::probe_asid_bits() }
}

/// Fences order walks, too.
pub fn entries_stored() {}

pub fn flush(flush: &Flush<'_>, asid: Option<Asid>, cpus: CpuSet) {
    // The page table's stores come before whatever the other harts do next. (`sfence.vma` orders our own.)
    memory_fence(SeqCst);
    match few(flush) {
        Some(ranges) => ranges.iter().for_each(|&pages| forget(pages, asid, cpus)),
        None => forget_all(asid, cpus),
    }
}

/// Harts may have cached that nothing was there. In the kernel's half all must forget that at once: a fault there is
/// the end. In a program's half the others have a spurious fault at worst, which ends in a [`fence`].
pub fn made_valid(made: &Flush<'_>, all: CpuSet) {
    if made.is_global() {
        flush(made, None, all);
    } else {
        fence(made);
    }
}

pub fn fence(stale: &Flush<'_>) {
    memory_fence(SeqCst);
    match few(stale) {
        Some(ranges) => {
            let pages = ranges.iter().copied().flat_map(pages);
            pages.for_each(riscv::sfence_vma_addr);
        }
        None => riscv::sfence_vma_all(),
    }
}

pub fn forget_page(addr: VirtAddr) {
    riscv::sfence_vma_addr(addr);
}

/// Instruction fetches are not ordered with stores: not our own, and not those of others.
pub fn made_code(_area: MemoryArea<PhysAddr>, all: CpuSet) {
    memory_fence(SeqCst);
    fence_i();
    let done = cpus::others_of(all).map_or(Ok(0), sbi::remote_fence_i);
    done.expect("the firmware fences harts that it has started");
}

/// What is forgotten page by page, if that is cheaper and does it. All spaces of this kernel, and so all harts, are in
/// one mode.
fn few<'a>(flush: &Flush<'a>) -> Option<&'a [MemoryArea]> {
    flush.page_by_page(MANY, |addr| SATP_MODE.is_canonical(addr))
}

/// Makes these harts, and this one, forget the leaves that translate these pages.
fn forget(area: MemoryArea, asid: Option<Asid>, cpus: CpuSet) {
    for page in pages(area) {
        match asid {
            Some(asid) => riscv::sfence_vma(page, asid),
            None => riscv::sfence_vma_addr(page),
        }
    }
    remote(area.start().get(), area.size(), asid, cpus);
}

/// Makes these harts, and this one, forget the space, or all spaces.
fn forget_all(asid: Option<Asid>, cpus: CpuSet) {
    match asid {
        Some(asid) => riscv::sfence_vma_asid(asid),
        None => riscv::sfence_vma_all(),
    }
    remote(0, usize::MAX, asid, cpus);
}

fn remote(start: usize, size: usize, asid: Option<Asid>, cpus: CpuSet) {
    let Some(others) = cpus::others_of(cpus) else {
        return;
    };
    let done = match asid {
        Some(asid) => sbi::remote_sfence_vma_asid(others, start, size, asid.get()),
        None => sbi::remote_sfence_vma(others, start, size),
    };
    // A hart that was not told would go on using memory that is not its own: there is no going on from that.
    done.expect("the firmware fences harts that it has started");
}
