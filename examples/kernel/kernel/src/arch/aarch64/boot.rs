//! From QEMU to Rust: the boot table, and the first instructions.

use core::arch::global_asm;

use kernel_vm::PhysAddr;
use kernel_vm::backend::aarch64::Ttbr;

use super::{HALF_BITS, LETS_MMU_MARK, LEVELS};
use crate::layout::{MAX_CPUS, STACK_STRIDE, phys};
use crate::mode::UPPER_HALF;

/// The memory types by their numbers: Normal write-back, non-cacheable, Device-nGnRE, non-cacheable.
const MAIR: u64 = 0x4404_44ff;

/// T0SZ and T1SZ; walks of both halves in memory that is write-back and inner shareable (IRGN, ORGN, SH); granules of
/// 4 KiB (TG0, TG1). boot.S sets those that depend on the CPU.
const TCR: u64 = {
    let one_half = 0b11 << 12 | 0b01 << 10 | 0b01 << 8 | (64 - HALF_BITS);
    0b10 << 30 | one_half << 16 | one_half
};

/// A valid block with AF, for the kernel alone: of Normal memory, inner shareable and not for user mode's code (UXN);
/// or of a device, and nobody's code (UXN, PXN).
const MEMORY: u64 = 1 << 54 | 1 << 10 | 0b11 << 8 | 1;
const DEVICE: u64 = 0b11 << 53 | 1 << 10 | 2 << 2 | 1;

global_asm!(
    include_str!("boot.S"),
    mair = const MAIR,
    tcr = const TCR,
    upper = const UPPER_HALF,
    marks = const LETS_MMU_MARK as u32,
    levels = const LEVELS,
    memory = const MEMORY,
    device = const DEVICE,
    max_cpus = const MAX_CPUS,
    stack_stride = const STACK_STRIDE,
);

/// Where the other CPUs begin.
pub fn other_entry() -> PhysAddr {
    unsafe extern "C" {
        fn _start_other();
    }
    phys(_start_other as *const () as usize)
}

/// Lets this CPU translate the upper half by `new`, instead of the boot table.
///
/// # Safety
/// As [`activate_kernel`](kernel_vm::backend::aarch64::activate_kernel) has it; and TTBR0_EL1 still names the boot
/// table. `empty` names a table in which nothing is.
pub unsafe fn replace_upper(new: Ttbr, empty: Ttbr) {
    unsafe extern "C" {
        fn replace_upper(new: u64, empty: u64);
    }
    // SAFETY: the code of boot.S is where it was, in the lower half, too; it uses no other memory meanwhile. The caller
    // promises the rest.
    unsafe { replace_upper(new.bits(), empty.bits()) };
}

/// Every CPU comes here from boot.S, on its own stack, at its place in the upper half.
#[unsafe(no_mangle)]
extern "C" fn enter(id: usize, is_first: usize) -> ! {
    crate::enter(id, is_first != 0)
}
