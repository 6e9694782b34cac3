//! What CPUs have cached: `TTBR0_EL1`, `TTBR1_EL1`, and `TLBI`, which reaches all CPUs by itself.

use kernel_vm::backend::aarch64::Ttbr;
use kernel_vm::{Activation, Asid, Flush, MemoryArea, PhysAddr, VirtAddr};

use super::instructions::{self as aarch64, Cpus, Invalidate};
use super::instructions::{dsb_ish, dsb_ishst, dsb_nsh, isb, tlbi};
use super::{boot, caches};
use crate::cpus::CpuSet;
use crate::layout::phys;
use crate::platform::{MANY, pages};

/// A root in which nothing is: the lower half of a CPU that runs no program.
#[repr(C, align(4096))]
struct Empty([u64; 512]);

static EMPTY: Empty = Empty([0; 512]);

fn empty() -> Ttbr {
    Ttbr::new(Asid::new(0), phys((&raw const EMPTY).addr()))
}

/// Leaves the lower half, if there is one.
fn leave() {
    // SAFETY: the kernel uses nothing of the lower half, and the table stays.
    unsafe { aarch64::activate(empty()) };
}

/// Where an ASID was another space's, the CPU forgets that before it walks the new one's tables: it may not find both.
///
/// # Safety
/// As [`aarch64::activate`] has it.
pub unsafe fn activate(root: PhysAddr, activation: &Activation) {
    if activation.flush {
        leave();
        forget(Invalidate::Everything);
    }
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { aarch64::activate(Ttbr::new(activation.asid, root)) };
}

/// # Safety
/// As [`aarch64::activate_kernel`] has it.
pub unsafe fn activate_kernel(root: PhysAddr) {
    if aarch64::current_kernel().root() != root {
        // SAFETY: a CPU is under the boot table, in both halves, until it is under the kernel's own. The caller
        // promises the rest.
        unsafe { boot::replace_upper(Ttbr::new(Asid::new(0), root), empty()) };
    }
    let left = aarch64::current();
    leave();
    // What is cached of the boot table, or of a space without an ASID of its own. Others keep what they have.
    if left.asid() == empty().asid() {
        forget(Invalidate::Everything);
    }
}

pub fn lower_root() -> PhysAddr {
    aarch64::current().root()
}

/// Walks are ordered by this barrier, and by no fence.
pub fn entries_stored() {
    dsb_ishst();
}

/// All CPUs hear of it, whichever have run the space.
pub fn flush(flush: &Flush<'_>, asid: Option<Asid>, _cpus: CpuSet) {
    order(flush, asid, Cpus::All);
    dsb_ish();
    isb();
}

/// That nothing was there is not cached: what is there now is seen, once the stores have come to where walks read. But
/// a leaf that allowed less may be cached, and this CPU is about to use it.
pub fn made_valid(made: &Flush<'_>, _all: CpuSet) {
    dsb_ishst();
    if few(made).is_some() {
        order(made, None, Cpus::This);
        dsb_nsh();
    }
    isb();
}

/// A leaf that allowed less may be cached.
pub fn fence(stale: &Flush<'_>) {
    order(stale, Some(aarch64::current().asid()), Cpus::This);
    dsb_nsh();
    isb();
}

pub fn forget_page(addr: VirtAddr) {
    forget(Invalidate::PageOfAll(addr));
}

/// Makes this CPU forget.
fn forget(what: Invalidate) {
    tlbi(what, Cpus::This);
    dsb_nsh();
    isb();
}

/// The ranges, if it is cheaper to forget page by page.
fn few<'a>(flush: &'a Flush<'_>) -> Option<&'a [MemoryArea]> {
    let is_few = flush.size().is_some_and(|bytes| bytes <= MANY);
    flush.ranges().filter(|_| is_few)
}

/// Orders what the flush names to be forgotten, under an ASID or under all. Where tables have gone, the pointers on the
/// way are meant, too: the ranges name an address of each.
fn order(flush: &Flush<'_>, asid: Option<Asid>, cpus: Cpus) {
    let Some(ranges) = few(flush) else {
        return tlbi(asid.map_or(Invalidate::Everything, Invalidate::Space), cpus);
    };
    for page in ranges.iter().copied().flat_map(pages) {
        let what = match (asid, flush.tables()) {
            (Some(asid), false) => Invalidate::Leaf(asid, page),
            (Some(asid), true) => Invalidate::Page(asid, page),
            (None, false) => Invalidate::LeafOfAll(page),
            (None, true) => Invalidate::PageOfAll(page),
        };
        tlbi(what, cpus);
    }
}

/// What is in the frames goes to where instructions are fetched from; and no CPU keeps what it has fetched of them
/// before. A CPU comes to a program by an `eret`, behind which it fetches anew.
pub fn made_code(area: MemoryArea<PhysAddr>, _all: CpuSet) {
    caches::clean(area);
    dsb_ish();
    caches::forget_instructions();
    dsb_ish();
    isb();
}
