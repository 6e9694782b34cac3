//! What the manual says of entries and accesses, for the checks: nothing of it comes from the library.

use core::arch::asm;

use alloc::format;
use alloc::string::String;

use kernel_vm::Access::{self, Execute, Read};
use kernel_vm::backend::riscv;
use kernel_vm::{Permissions, PhysAddr};

use super::SATP_MODE;
use crate::probe::{Opened, Who};

pub const EXECUTE_ONLY: bool = true;

/// `ret` and `ecall`.
pub const RETURN: u64 = 0x8067;
pub const CALL: u64 = 0x73;

pub const EVERYONE: [(Who, &str, Option<&str>); 4] = [
    (Who::Kernel(Opened::Nothing), "S-mode", None),
    (Who::Kernel(Opened::UserPages), "S-mode with SUM", None),
    (Who::Kernel(Opened::Code), "S-mode with MXR", None),
    (Who::User, "U-mode", None),
];

/// Privileged, 'Virtual Address Translation Process', step 7; 'Supervisor Status Register', SUM and MXR.
pub fn allows(who: Who, permissions: Permissions, access: Access) -> bool {
    let is_user = permissions.contains(Permissions::USER);
    let mode = match who {
        Who::User => is_user,
        Who::Kernel(opened) => !is_user || (opened == Opened::UserPages && access != Execute),
    };
    let is_code = permissions.allow(Execute);
    let readable = who == Who::Kernel(Opened::Code) && access == Read && is_code;
    mode && (permissions.allow(access) || readable)
}

/// The bit of `sstatus` that opens it.
const fn bits(opened: Opened) -> usize {
    match opened {
        Opened::Nothing => 0,
        Opened::UserPages => 1 << 18,
        Opened::Code => 1 << 19,
    }
}

pub fn with_opened<R>(opened: Opened, f: impl FnOnce() -> R) -> R {
    let bits = bits(opened);
    // SAFETY: the bits allow accesses, and forbid none.
    unsafe { asm!("csrs sstatus, {}", in(reg) bits) };
    let answer = f();
    // SAFETY: the kernel needs neither bit for memory of its own.
    unsafe { asm!("csrc sstatus, {}", in(reg) bits) };
    answer
}

pub fn translation(root: PhysAddr) -> Result<String, String> {
    let satp = riscv::current();
    if (satp.mode(), satp.root()) == (Some(SATP_MODE), root) {
        Ok(format!("satp has {SATP_MODE:?}"))
    } else {
        Err(format!("{satp:?}, not {SATP_MODE:?} and {root}"))
    }
}

/// An entry with V, but without R, W and X points to a table.
pub fn pointer(word: u64, _level: usize) -> Option<PhysAddr> {
    let is_pointer = word & 0b1111 == 1;
    is_pointer.then(|| PhysAddr::new((word >> 10 & ((1 << 44) - 1)) << 12))
}
