//! The instructions: `satp` and `sfence.vma`. All the assembly there is.
#![expect(unsafe_code, reason = "registers and fences are assembly")]

use core::arch::asm;

use super::mode::Mode;
use super::satp::Satp;
use crate::addr::{PhysAddr, VirtAddr};
use crate::asid::Asid;

/// Makes this CPU translate as `satp` says.
///
/// Nothing is fenced: translations that this CPU has cached under that ASID must be of this space, or must have been
/// fenced. Changing `satp` neither orders page-table updates nor forgets translations (Privileged, 'Supervisor Address
/// Translation and Protection Register').
///
/// # Safety
/// - The page table at that root maps the code that runs now, its stack, and all memory that Rust code uses from here
///   on. Each of those addresses leads to the memory to which it led before. Addresses that nothing uses any more may
///   lead elsewhere.
/// - It is of that mode, which this CPU has, and lives until this CPU has left it and has been fenced; so does the
///   kernel's page table whose upper half it shares.
pub unsafe fn activate(satp: Satp) {
    // SAFETY: the caller promises that what runs next finds its code and its memory.
    unsafe { asm!("csrw satp, {}", in(reg) satp.bits(), options(nostack, preserves_flags)) };
}

/// The value of this CPU's `satp`.
#[must_use]
pub fn current() -> Satp {
    let bits;
    // SAFETY: reading the register changes nothing. In S-mode it may be read unless the machine says otherwise
    // (`mstatus.TVM`), which then traps.
    unsafe { asm!("csrr {}, satp", out(reg) bits, options(nomem, nostack, preserves_flags)) };
    Satp::from_bits(bits)
}

/// How many bits of an ASID this CPU keeps, 0 to 16: writes ones to the field and reads back which stay (Privileged,
/// 'Supervisor Address Translation and Protection Register'). `satp` is as before then, and what this CPU may have
/// cached under the ASID that was read back is fenced.
///
/// # Safety
/// No other CPU matters; but interrupts must be off, and this CPU must run on memory that is the same in the current
/// page table under any ASID (it stays the same table).
#[must_use]
pub unsafe fn probe_asid_bits() -> u32 {
    let before = current();
    let ones = Satp::from_bits(
        before.bits() | Satp::new(Mode::Bare, Asid::new(u16::MAX), PhysAddr::new(0)).bits(),
    );
    // SAFETY: root and mode stay, so every address leads where it led before.
    unsafe { activate(ones) };
    let kept = current().asid();
    // SAFETY: this is what the register held.
    unsafe { activate(before) };
    // What was cached under the other ASID meanwhile must not be found when that is handed out.
    sfence_vma_asid(kept);
    u32::from(kept.get()).count_ones()
}

/// Orders earlier stores to page tables before later translations of this CPU, and forgets all that it has cached, in
/// all spaces (`sfence.vma x0, x0`).
pub fn sfence_vma_all() {
    // SAFETY: a fence only makes translations be looked up again.
    unsafe { asm!("sfence.vma zero, zero", options(nostack, preserves_flags)) };
}

/// Orders earlier stores to page tables before later translations of `addr` on this CPU, and forgets the leaves for it
/// that it has cached, in all spaces (`sfence.vma addr, x0`).
pub fn sfence_vma_addr(addr: VirtAddr) {
    // SAFETY: a fence only makes translations be looked up again.
    unsafe { asm!("sfence.vma {}, zero", in(reg) addr.get(), options(nostack, preserves_flags)) };
}

/// Orders earlier stores to page tables before later translations under `asid` on this CPU, and forgets all that it has
/// cached under it. Global translations may stay (`sfence.vma x0, asid`).
pub fn sfence_vma_asid(asid: Asid) {
    // SAFETY: a fence only makes translations be looked up again.
    unsafe {
        asm!("sfence.vma zero, {}", in(reg) usize::from(asid.get()), options(nostack, preserves_flags))
    };
}

/// Orders earlier stores to page tables before later translations of `addr` under `asid` on this CPU, and forgets the
/// leaves for it that it has cached under `asid`. Global ones may stay (`sfence.vma addr, asid`).
pub fn sfence_vma(addr: VirtAddr, asid: Asid) {
    // SAFETY: a fence only makes translations be looked up again.
    unsafe {
        asm!("sfence.vma {}, {}", in(reg) addr.get(), in(reg) usize::from(asid.get()), options(nostack, preserves_flags));
    }
}
