//! The kernel's half is not simulated.

use kernel_vm::backend::aarch64::Ttbr;

/// # Safety
/// It is not called.
pub unsafe fn replace_upper(_kernel: Ttbr, _empty: Ttbr) {
    unreachable!("no CPU goes to the kernel's own table");
}
