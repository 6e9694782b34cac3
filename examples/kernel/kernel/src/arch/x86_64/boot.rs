//! From the firmware to Rust: the boot table and the first instructions.

use core::arch::global_asm;

use super::LEVELS;
use crate::layout::{MAX_CPUS, STACK_STRIDE, direct};
use crate::mode::UPPER_HALF;
use kernel_vm::PhysAddr;

/// Where the trampoline is copied to: page 8 of physical memory.
pub const TRAMPOLINE_PAGE: u32 = 8;
const TRAMPOLINE: usize = TRAMPOLINE_PAGE as usize * 0x1000;

/// PAE and PGE, and LA57 for 5 levels, which can be set before translation is on only.
const CR4: u32 = 1 << 5 | 1 << 7 | if LEVELS == 5 { 1 << 12 } else { 0 };

global_asm!(
    include_str!("boot.S"),
    upper = const UPPER_HALF,
    levels = const LEVELS,
    cr4 = const CR4,
    max_cpus = const MAX_CPUS,
    stack_stride = const STACK_STRIDE,
    trampoline = const TRAMPOLINE,
    options(att_syntax),
);

/// Puts the trampoline where other CPUs begin. The boot table is active: the kernel's own has no such page.
pub fn copy_trampoline() {
    unsafe extern "C" {
        static trampoline_start: u8;
        static trampoline_end: u8;
    }
    let (start, end) = (&raw const trampoline_start, &raw const trampoline_end);
    let to = core::ptr::with_exposed_provenance_mut::<u8>(direct(PhysAddr::new(TRAMPOLINE as u64)));
    // SAFETY: the page is mapped by the boot table, and nobody else uses it; the trampoline is shorter than that.
    unsafe { to.copy_from_nonoverlapping(start, end.addr() - start.addr()) };
}

/// Every CPU comes here from boot.S, on its own stack, at its place in the upper half.
#[unsafe(no_mangle)]
extern "C" fn enter(id: usize, is_first: usize) -> ! {
    crate::enter(id, is_first != 0)
}
