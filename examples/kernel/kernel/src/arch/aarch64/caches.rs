//! The caches of data and of instructions.

use core::arch::asm;

use kernel_vm::{MemoryArea, PhysAddr};

use super::system::read;
use crate::layout::direct;

/// Cleans these frames to where instructions are fetched from.
pub fn clean(area: MemoryArea<PhysAddr>) {
    for offset in (0..area.size()).step_by(line()) {
        // SAFETY: the direct map has all memory, and cleaning a line changes none of it.
        unsafe {
            asm!("dc cvau, {}", in(reg) direct(area.start()) + offset, options(nostack, preserves_flags));
        }
    }
}

/// Lets all CPUs forget the instructions that they have fetched.
pub fn forget_instructions() {
    // SAFETY: instructions are fetched again.
    unsafe { asm!("ic ialluis", options(nostack, preserves_flags)) };
}

/// The size of the smallest line of the data caches in bytes: CTR_EL0.DminLine.
fn line() -> usize {
    let shift = read!("ctr_el0") >> 16 & 0xf;
    4 << shift
}
