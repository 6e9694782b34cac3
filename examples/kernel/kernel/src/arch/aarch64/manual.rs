//! What the manual says of entries and accesses, for the checks: nothing of it comes from the library.

use core::arch::asm;

use alloc::format;
use alloc::string::String;

use kernel_vm::Access::{self, Execute};
use kernel_vm::{Permissions, PhysAddr};

use super::system::read;
use super::{HALF_BITS, identify};
use crate::probe::{Opened, Who};

/// What can be executed can be read.
pub const EXECUTE_ONLY: bool = false;

/// `ret` and `svc #0`.
pub const RETURN: u64 = 0xd65f_03c0;
pub const CALL: u64 = 0xd400_0001;

pub const EVERYONE: [(Who, &str, Option<&str>); 4] = [
    (Who::Kernel(Opened::Nothing), "EL1", None),
    (Who::Kernel(Opened::UserPages), "EL1 with PAN clear", None),
    (
        Who::Kernel(Opened::Code),
        "EL1 that reads code",
        Some("it can without a bit that says so"),
    ),
    (Who::User, "EL0", None),
];

/// Arm ARM, 'Memory access control', with PSTATE.PAN set where there is one. What user mode may execute, the kernel may
/// not.
pub fn allows(who: Who, permissions: Permissions, access: Access) -> bool {
    let is_user = permissions.contains(Permissions::USER);
    let mode = match who {
        Who::User => is_user,
        Who::Kernel(_) if access == Execute => !is_user,
        Who::Kernel(opened) => !is_user || opened == Opened::UserPages || !identify::has_pan(),
    };
    mode && permissions.allow(access)
}

/// `msr pan, #0` and `#1`, by their words: not every assembler knows them.
fn clear_pan() {
    // SAFETY: the bit forbids accesses, and allows none.
    unsafe { asm!(".inst 0xd500409f", options(nostack, preserves_flags)) };
}

pub fn set_pan() {
    // SAFETY: the kernel does not need user pages for memory of its own.
    unsafe { asm!(".inst 0xd500419f", options(nostack, preserves_flags)) };
}

pub fn with_opened<R>(opened: Opened, f: impl FnOnce() -> R) -> R {
    if opened != Opened::UserPages || !identify::has_pan() {
        return f();
    }
    clear_pan();
    let answer = f();
    set_pan();
    answer
}

pub fn translation(root: PhysAddr) -> Result<String, String> {
    let (ttbr, tcr, sctlr) = (read!("ttbr1_el1"), read!("tcr_el1"), read!("sctlr_el1"));
    let (has_pan, marks) = (identify::has_pan(), identify::mmu_marks());
    let fields = [
        ("T0SZ", tcr & 0x3f, 64 - HALF_BITS),
        ("T1SZ", tcr >> 16 & 0x3f, 64 - HALF_BITS),
        ("A1", tcr >> 22 & 1, 0),
        ("HA and HD", tcr >> 39 & 3, if marks { 3 } else { 0 }),
        ("M", sctlr & 1, 1),
        ("WXN", sctlr >> 19 & 1, 0),
        ("SPAN", sctlr >> 23 & 1, (!has_pan).into()),
        ("TTBR1_EL1", ttbr & ((1 << 48) - 1) & !0xfff, root.get()),
    ];
    for (name, found, wanted) in fields {
        if found != wanted {
            return Err(format!("{name} is {found:#x}, not {wanted:#x}"));
        }
    }
    let marks = if marks { "set" } else { "clear" };
    let pan = if has_pan { "PAN" } else { "no PAN" };
    Ok(format!(
        "TTBR1_EL1 with {HALF_BITS} bits; HA and HD {marks}, {pan}"
    ))
}

/// A descriptor with both of its lowest bits points to a table, unless it is the leaf of a page.
pub fn pointer(word: u64, level: usize) -> Option<PhysAddr> {
    let is_pointer = level > 0 && word & 0b11 == 0b11;
    is_pointer.then(|| PhysAddr::new(word & ((1 << 48) - 1) & !0xfff))
}
