//! The instructions: `CR3`, `CR4.PGE`, `invlpg` and `invpcid`. All the assembly there is.
//!
//! Each of them is for ring 0, and faults elsewhere. Stores to page tables that this CPU has made before are seen by
//! its later translations (SDM, 'Invalidation of TLBs and Paging-Structure Caches').
#![expect(unsafe_code, reason = "registers and invalidations are assembly")]

use core::arch::asm;

use super::cr3::Cr3;
use crate::addr::VirtAddr;
use crate::asid::Asid;

/// Makes this CPU translate as `cr3` says.
///
/// Translations under its PCID are forgotten, but for global ones, unless the value is [keeping](Cr3::keeping). Those
/// that are kept must be of this space, or must have been invalidated.
///
/// # Safety
/// - The page table at that root maps the code that runs now, its stack, and all memory that Rust code uses from here
///   on. Each of those addresses leads to the memory to which it led before. Addresses that nothing uses any more may
///   lead elsewhere.
/// - It has as many levels as this CPU walks (CR4.LA57), and lives until this CPU has left it and has forgotten it; so
///   does the kernel's page table whose upper half it shares.
/// - EFER.NXE is set: entries say what cannot be executed by a bit that is reserved else.
pub unsafe fn activate(cr3: Cr3) {
    // SAFETY: the caller promises that what runs next finds its code and its memory.
    unsafe { asm!("mov cr3, {}", in(reg) cr3.bits(), options(nostack, preserves_flags)) };
}

/// The value of this CPU's `CR3`.
#[must_use]
pub fn current() -> Cr3 {
    let bits;
    // SAFETY: reading the register changes nothing.
    unsafe { asm!("mov {}, cr3", out(reg) bits, options(nomem, nostack, preserves_flags)) };
    Cr3::from_bits(bits)
}

/// Forgets the translations of the page at `addr` under the current PCID and global ones, and all pointers that are
/// cached under that PCID (`invlpg`).
pub fn invlpg(addr: VirtAddr) {
    // SAFETY: translations are only looked up again.
    unsafe { asm!("invlpg [{}]", in(reg) addr.get(), options(nostack, preserves_flags)) };
}

/// Forgets all translations under every PCID, global ones too, and all pointers: turns CR4.PGE over, and back. For CPUs
/// without [`invpcid`].
///
/// No interrupt handler may change CR4 meanwhile.
pub fn toggle_global() {
    const PGE: u64 = 1 << 7;
    // SAFETY: translations are only looked up again, and CR4 is as before then.
    unsafe {
        asm!(
            "mov {before}, cr4",
            "mov {other}, {before}",
            "xor {other}, {pge}",
            "mov cr4, {other}",
            "mov cr4, {before}",
            before = out(reg) _,
            other = out(reg) _,
            pge = const PGE,
            options(nostack),
        );
    }
}

/// What [`invpcid`] forgets (SDM, 'INVPCID—Invalidate Process-Context Identifier').
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalidate {
    /// The translations of one page under one PCID. Global ones may stay.
    Page(Asid, VirtAddr),
    /// All under one PCID. Global ones may stay.
    Space(Asid),
    /// All under every PCID, global ones too: what a rollover of PCIDs asks for, and a flush of the kernel half.
    Everything,
    /// All under every PCID. Global ones may stay.
    Spaces,
}

/// Forgets translations, and the pointers that were cached on the way to them under the same PCIDs. Needs a CPU that
/// has the instruction (CPUID.(7, 0):EBX bit 10); others fault.
pub fn invpcid(what: Invalidate) {
    let (kind, pcid, addr) = match what {
        Invalidate::Page(pcid, addr) => (0_u64, pcid, addr),
        Invalidate::Space(pcid) => (1, pcid, VirtAddr::new(0)),
        Invalidate::Everything => (2, Asid::new(0), VirtAddr::new(0)),
        Invalidate::Spaces => (3, Asid::new(0), VirtAddr::new(0)),
    };
    let descriptor = [u64::from(pcid.get()) & 0xfff, addr.get() as u64];
    // SAFETY: translations are only looked up again; the descriptor is read alone.
    unsafe {
        asm!("invpcid {}, [{}]", in(reg) kind, in(reg) &descriptor, options(nostack, preserves_flags));
    }
}
