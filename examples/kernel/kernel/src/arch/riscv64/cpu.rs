//! The harts, as RISC-V calls CPUs: `tp` points to what a hart keeps.

use core::arch::asm;

use super::{boot, sbi, trap};
use crate::cpus::{Cpu, CpuSet};
use crate::layout::phys;

/// `tp` is all that there is.
#[derive(Debug)]
pub struct Own;

impl Own {
    pub const fn new() -> Self {
        Self
    }
}

pub fn set_this(cpu: &'static Cpu) {
    // SAFETY: compiled code leaves `tp` alone, and our own assembly keeps it or saves it.
    unsafe { asm!("mv tp, {}", in(reg) cpu, options(nostack)) };
}

#[inline]
pub fn this() -> *const Cpu {
    let cpu;
    // SAFETY: reading a register changes nothing.
    unsafe { asm!("mv {}, tp", out(reg) cpu, options(nomem, nostack, pure)) };
    cpu
}

pub fn init(_is_first: bool) {
    trap::init();
}

pub fn start_cpu(id: usize) -> bool {
    let is_there = sbi::has_hart(id);
    if is_there {
        let entry = phys(boot::other_entry()).get();
        sbi::start_hart(id, entry).expect("a stopped hart starts");
    }
    is_there
}

/// Instructions are fetched again that this hart has fetched before.
pub fn fence_i() {
    // SAFETY: it changes nothing else.
    unsafe { asm!("fence.i", options(nostack)) };
}

pub fn nap() {
    // SAFETY: the software interrupt wakes the hart from `wfi`, and is forgotten. It is not taken: interrupts stay off
    // in the kernel, and this one is off again before a program runs.
    unsafe { asm!("csrs sie, {0}", "wfi", "csrc sip, {0}", "csrc sie, {0}", in(reg) 2) };
}

pub fn wake(others: CpuSet) {
    sbi::send_ipi(others).expect("the firmware wakes harts that it has started");
}
