//! What the manual says of entries and accesses, for the checks: nothing of it comes from the library.

use core::arch::asm;

use alloc::format;
use alloc::string::String;

use kernel_vm::Access::{self, Execute};
use kernel_vm::backend::x86_64;
use kernel_vm::{Permissions, PhysAddr};

use super::LEVELS;
use crate::probe::{Opened, Who};

/// What can be executed can be read.
pub const EXECUTE_ONLY: bool = false;

/// `ret` and `int 0x80`.
pub const RETURN: u64 = 0xc3;
pub const CALL: u64 = 0x80cd;

pub const EVERYONE: [(Who, &str, Option<&str>); 4] = [
    (Who::Kernel(Opened::Nothing), "ring 0", None),
    (Who::Kernel(Opened::UserPages), "ring 0 with AC", None),
    (
        Who::Kernel(Opened::Code),
        "ring 0 that reads code",
        Some("it can without a bit that says so"),
    ),
    (Who::User, "ring 3", None),
];

/// SDM, 'Determination of Access Rights', with CR0.WP, CR4.SMEP, CR4.SMAP and EFER.NXE set.
pub fn allows(who: Who, permissions: Permissions, access: Access) -> bool {
    let is_user = permissions.contains(Permissions::USER);
    let mode = match who {
        Who::User => is_user,
        Who::Kernel(opened) => !is_user || (opened == Opened::UserPages && access != Execute),
    };
    mode && permissions.allow(access)
}

/// RFLAGS.AC opens user pages.
pub fn with_opened<R>(opened: Opened, f: impl FnOnce() -> R) -> R {
    if opened != Opened::UserPages {
        return f();
    }
    // SAFETY: the bit allows accesses, and forbids none in ring 0.
    unsafe { asm!("stac", options(nostack)) };
    let answer = f();
    // SAFETY: the kernel does not need the bit for memory of its own.
    unsafe { asm!("clac", options(nostack)) };
    answer
}

fn cr0() -> u64 {
    let bits;
    // SAFETY: reading the register changes nothing.
    unsafe { asm!("mov {}, cr0", out(reg) bits, options(nomem, nostack, preserves_flags)) };
    bits
}

fn cr4() -> u64 {
    let bits;
    // SAFETY: reading the register changes nothing.
    unsafe { asm!("mov {}, cr4", out(reg) bits, options(nomem, nostack, preserves_flags)) };
    bits
}

/// EFER, whose upper half is reserved.
fn efer() -> u64 {
    let low: u32;
    // SAFETY: reading the register changes nothing.
    unsafe {
        asm!("rdmsr", in("ecx") 0xc000_0080_u32, out("eax") low, out("edx") _, options(nomem, nostack));
    };
    low.into()
}

pub fn translation(root: PhysAddr) -> Result<String, String> {
    let (cr0, cr4, efer, cr3) = (cr0(), cr4(), efer(), x86_64::current());
    let bits = [
        ("WP", cr0 >> 16, true),
        ("PGE", cr4 >> 7, true),
        ("SMEP", cr4 >> 20, true),
        ("SMAP", cr4 >> 21, true),
        ("PKE", cr4 >> 22, false),
        ("CET", cr4 >> 23, false),
        ("LA57", cr4 >> 12, LEVELS == 5),
        ("NXE", efer >> 11, true),
    ];
    for (name, bit, wanted) in bits {
        if (bit & 1 == 1) != wanted {
            return Err(format!("{name} is {}", bit & 1));
        }
    }
    if cr3.root() == root {
        Ok(format!(
            "CR3 with {LEVELS} levels; WP, NXE, PGE, SMEP and SMAP set"
        ))
    } else {
        Err(format!("{cr3:?}, not {root}"))
    }
}

/// An entry with P, and without PS where that is not a bit of the memory type, points to a table.
pub fn pointer(word: u64, level: usize) -> Option<PhysAddr> {
    let is_pointer = level > 0 && word & (1 << 7 | 1) == 1;
    is_pointer.then(|| PhysAddr::new(word & ((1 << 52) - 1) & !0xfff))
}
