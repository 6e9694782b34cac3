//! What CPUs have cached: `CR3`, invalidations, and interrupts that let other CPUs invalidate.
//!
//! A CPU with PCIDs keeps spaces under them. One without forgets a space when it leaves it, and all that it may have
//! cached is of the space that it is in, or global.

use core::sync::atomic::Ordering::SeqCst;
use core::sync::atomic::fence as memory_fence;

use kernel_vm::backend::x86_64::Cr3;
use kernel_vm::{Activation, Asid, Flush, MemoryArea, PhysAddr, VirtAddr};

use super::instructions::{self as x86_64, Invalidate, invlpg, invpcid};
use super::{apic, cpuid};
use crate::cpus::CpuSet;
use crate::platform::{MANY, pages};

pub fn asid_bits() -> u32 {
    if cpuid::has_pcids() { 12 } else { 0 }
}

/// # Safety
/// As [`x86_64::activate`] has it.
pub unsafe fn activate(root: PhysAddr, activation: &Activation) {
    let cr3 = Cr3::new(activation.asid, root);
    // Without PCIDs, each switch forgets.
    let cr3 = if cpuid::has_pcids() && !activation.flush {
        cr3.keeping()
    } else {
        cr3
    };
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { x86_64::activate(cr3) };
    if cpuid::has_pcids() && activation.flush {
        invpcid(Invalidate::Spaces);
    }
}

/// # Safety
/// As [`x86_64::activate`] has it.
pub unsafe fn activate_kernel(root: PhysAddr) {
    // What is cached of the boot table is not global, and under the same PCID.
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { x86_64::activate(Cr3::new(Asid::new(0), root)) };
}

pub fn lower_root() -> PhysAddr {
    x86_64::current().root()
}

/// Fences order walks, too.
pub fn entries_stored() {}

pub fn flush(flush: &Flush<'_>, asid: Option<Asid>, cpus: CpuSet) {
    // The mask of CPUs was read behind a full fence; this one is for what comes after a flush of the kernel's half.
    memory_fence(SeqCst);
    let ranges = few(flush);
    apic::on_each(cpus, &|| match (ranges, asid) {
        (Some(ranges), _) => {
            let pages = ranges.iter().copied().flat_map(pages);
            pages.for_each(|page| forget(page, asid));
        }
        (None, Some(asid)) => forget_space(asid),
        (None, None) => forget_everything(),
    });
}

/// CPUs do not cache that nothing is there (SDM, 'Caching Translation Information').
pub fn made_valid(_made: &Flush<'_>, _all: CpuSet) {}

/// A page fault has made this CPU forget what it had cached of the page (SDM, 'Operations that Invalidate TLBs and
/// Paging-Structure Caches'); the order may name more.
pub fn fence(stale: &Flush<'_>) {
    match few(stale) {
        Some(ranges) => {
            let pages = ranges.iter().copied().flat_map(pages);
            pages.for_each(invlpg);
        }
        None => forget_current(),
    }
}

pub fn forget_page(addr: VirtAddr) {
    invlpg(addr);
}

/// Instruction caches follow stores, and a CPU comes to new code by an instruction that serializes: `iretq`, or one of
/// those here (SDM, 'Handling Self- and Cross-Modifying Code').
pub fn made_code(_area: MemoryArea<PhysAddr>, _all: CpuSet) {}

/// What is forgotten page by page, if that is cheaper and does it. `invlpg` does whatever the mode is: all addresses of
/// a space can be translated in it.
fn few<'a>(flush: &Flush<'a>) -> Option<&'a [MemoryArea]> {
    flush.page_by_page(MANY, |_| true)
}

/// The leaves of a page: under one PCID, or global ones.
fn forget(page: VirtAddr, asid: Option<Asid>) {
    match asid {
        Some(asid) if cpuid::has_pcids() => invpcid(Invalidate::Page(asid, page)),
        _ => invlpg(page),
    }
}

fn forget_space(asid: Asid) {
    if cpuid::has_pcids() {
        invpcid(Invalidate::Space(asid));
    } else {
        forget_current();
    }
}

/// All that is not global, of the space that this CPU is in.
fn forget_current() {
    // SAFETY: the CPU stays in the space in which it is.
    unsafe { x86_64::activate(x86_64::current()) };
}

fn forget_everything() {
    if cpuid::has_pcids() {
        invpcid(Invalidate::Everything);
    } else {
        x86_64::toggle_global();
    }
}
