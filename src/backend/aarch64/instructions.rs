//! The instructions: `TTBR0_EL1`, `TTBR1_EL1`, `TLBI` and the barriers around it. All the assembly there is.
//!
//! Each of them is for EL1. After the Arm Architecture Reference Manual for A-profile, 'TLB maintenance instructions'
//! and 'Ordering and completion of TLB maintenance instructions'.
#![expect(unsafe_code, reason = "registers and invalidations are assembly")]

use core::arch::asm;

use super::ttbr::Ttbr;
use crate::addr::VirtAddr;
use crate::asid::Asid;

/// Makes this CPU translate the lower half as `ttbr` says (`TTBR0_EL1`), from the next instruction on.
///
/// Earlier stores to the page table are seen by its walks. Nothing is invalidated: translations that this CPU has
/// cached under that ASID must be of this space, or must have been invalidated.
///
/// # Safety
/// - Every address of the lower half that Rust code uses from here on leads to the memory to which it led before.
///   Addresses that nothing uses any more may lead elsewhere.
/// - The page table has as many levels as TCR_EL1.T0SZ says, and lives until this CPU has left it and has forgotten it.
pub unsafe fn activate(ttbr: Ttbr) {
    // SAFETY: the caller promises that what runs next finds its memory.
    unsafe {
        asm!("dsb ishst", "msr ttbr0_el1, {}", "isb", in(reg) ttbr.bits(), options(nostack, preserves_flags));
    }
}

/// Makes this CPU translate the upper half as `ttbr` says (`TTBR1_EL1`), from the next instruction on.
///
/// Earlier stores to the page table are seen by its walks. Nothing is invalidated. A boot table with other leaves
/// for an address that both map is left in another way: [the module](super) says how.
///
/// # Safety
/// - As [`activate`], for the upper half and TCR_EL1.T1SZ. The code that runs now is mostly there.
/// - No address has leaves in both page tables that differ in address, size, memory type or scope, unless the CPU has
///   forgotten the former's.
pub unsafe fn activate_kernel(ttbr: Ttbr) {
    // SAFETY: the caller promises that what runs next finds its code and its memory.
    unsafe {
        asm!("dsb ishst", "msr ttbr1_el1, {}", "isb", in(reg) ttbr.bits(), options(nostack, preserves_flags));
    }
}

/// The value of this CPU's `TTBR0_EL1`.
#[must_use]
pub fn current() -> Ttbr {
    let bits;
    // SAFETY: reading the register changes nothing.
    unsafe { asm!("mrs {}, ttbr0_el1", out(reg) bits, options(nomem, nostack, preserves_flags)) };
    Ttbr::from_bits(bits)
}

/// The value of this CPU's `TTBR1_EL1`.
#[must_use]
pub fn current_kernel() -> Ttbr {
    let bits;
    // SAFETY: reading the register changes nothing.
    unsafe { asm!("mrs {}, ttbr1_el1", out(reg) bits, options(nomem, nostack, preserves_flags)) };
    Ttbr::from_bits(bits)
}

/// What [`tlbi`] forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalidate {
    /// The leaf of one page under one ASID, and global ones for it (`VALE1`). Pointers stay.
    Leaf(Asid, VirtAddr),
    /// The leaf of one page under one ASID, global ones for it, and the pointers on the way (`VAE1`).
    Page(Asid, VirtAddr),
    /// The leaf of one page under every ASID (`VAALE1`). Pointers stay.
    LeafOfAll(VirtAddr),
    /// The leaf of one page under every ASID, and the pointers on the way (`VAAE1`).
    PageOfAll(VirtAddr),
    /// All under one ASID. Global ones stay (`ASIDE1`).
    Space(Asid),
    /// All (`VMALLE1`): what a rollover of ASIDs asks for.
    Everything,
}

/// The CPUs that [`tlbi`] reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cpus {
    /// This one.
    This,
    /// All in the inner shareable domain, which is the kernel's: no interrupt is sent, and no CPU need answer.
    All,
}

/// Orders earlier stores to page tables before later `TLBI`s, and before later walks of all CPUs (`DSB ISHST`).
///
/// After entries were made valid it goes with an [`isb`]: then this CPU's next instruction sees them.
pub fn dsb_ishst() {
    // SAFETY: a barrier changes nothing.
    unsafe { asm!("dsb ishst", options(nostack, preserves_flags)) };
}

/// Waits until earlier `TLBI`s are complete: every CPU that they reach has forgotten, and no access is on its way any
/// more that was translated before (`DSB ISH`).
pub fn dsb_ish() {
    // SAFETY: a barrier changes nothing.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
}

/// Waits until earlier `TLBI`s that reach [this CPU](Cpus::This) alone are complete (`DSB NSH`).
pub fn dsb_nsh() {
    // SAFETY: a barrier changes nothing.
    unsafe { asm!("dsb nsh", options(nostack, preserves_flags)) };
}

/// Lets this CPU fetch its next instruction anew, as the page tables are now (`ISB`).
pub fn isb() {
    // SAFETY: a barrier changes nothing.
    unsafe { asm!("isb", options(nostack, preserves_flags)) };
}

/// Forgets translations, and is complete only after a [`dsb_ish`], or a [`dsb_nsh`] for this CPU alone. Stores to page
/// tables must be ordered before by [`dsb_ishst`]; this CPU itself also wants an [`isb`] at the end. So one pair of
/// barriers does for many pages.
///
/// ```
/// # #[cfg(target_arch = "aarch64")]
/// # mod flush {
/// use kernel_vm::backend::aarch64::{Cpus, Invalidate, dsb_ish, dsb_ishst, isb, tlbi};
/// use kernel_vm::{Asid, VirtAddr};
///
/// fn forget(pages: impl Iterator<Item = VirtAddr>, asid: Asid) {
///     dsb_ishst();
///     pages.for_each(|page| tlbi(Invalidate::Leaf(asid, page), Cpus::All));
///     dsb_ish();
///     isb();
/// }
/// # }
/// ```
pub fn tlbi(what: Invalidate, cpus: Cpus) {
    macro_rules! forget {
        ($($form:pat => $this:literal, $all:literal, $operand:expr;)*) => {
            match (what, cpus) {$(
                // SAFETY: translations are only looked up again.
                ($form, Cpus::This) => unsafe {
                    asm!(concat!("tlbi ", $this, ", {}"), in(reg) $operand, options(nostack, preserves_flags));
                },
                // SAFETY: as above.
                ($form, Cpus::All) => unsafe {
                    asm!(concat!("tlbi ", $all, ", {}"), in(reg) $operand, options(nostack, preserves_flags));
                },
            )*
                // SAFETY: as above.
                (Invalidate::Everything, Cpus::This) => unsafe {
                    asm!("tlbi vmalle1", options(nostack, preserves_flags));
                },
                // SAFETY: as above.
                (Invalidate::Everything, Cpus::All) => unsafe {
                    asm!("tlbi vmalle1is", options(nostack, preserves_flags));
                },
            }
        };
    }
    forget! {
        Invalidate::Leaf(asid, addr) => "vale1", "vale1is", of_asid(asid) | of_page(addr);
        Invalidate::Page(asid, addr) => "vae1", "vae1is", of_asid(asid) | of_page(addr);
        Invalidate::LeafOfAll(addr) => "vaale1", "vaale1is", of_page(addr);
        Invalidate::PageOfAll(addr) => "vaae1", "vaae1is", of_page(addr);
        Invalidate::Space(asid) => "aside1", "aside1is", of_asid(asid);
    }
}

/// The field of an operand for the ASID: bits 48 to 63.
const fn of_asid(asid: Asid) -> u64 {
    (asid.get() as u64) << 48
}

/// The field of an operand for the page number: bits 0 to 43. The level is not told, so bits 44 to 47 are 0.
const fn of_page(addr: VirtAddr) -> u64 {
    (addr.get() as u64 >> 12) & ((1 << 44) - 1)
}
