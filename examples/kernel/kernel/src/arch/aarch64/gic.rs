//! The interrupt controller (GICv2): one CPU wakes another, which sleeps in `wfi`.
//!
//! TLBI and its barriers reach all CPUs without interrupts. `wfe` and `sev` would do for sleeping, but QEMU takes `wfe`
//! for a `nop`: whoever waits would take the host's processors from those who work.

use core::arch::asm;

use kernel_vm::PhysAddr;
use kernel_vm::backend::aarch64::dsb_ishst;

use crate::cpus::CpuSet;
use crate::layout::direct;

/// Distributor and CPU interface.
pub const REGISTERS: u64 = 0x0800_0000;
pub const SIZE: usize = 0x2_0000;

/// GICD_CTLR and GICD_SGIR.
const FORWARD: usize = 0xf00;
const DISTRIBUTOR: usize = 0;
/// GICC_CTLR, GICC_PMR, GICC_IAR and GICC_EOIR.
const INTERFACE: usize = 0x1_0000;
const PRIORITY_MASK: usize = 0x1_0004;
const ACKNOWLEDGE: usize = 0x1_000c;
const END: usize = 0x1_0010;

/// What acknowledging answers, in its number, when no interrupt is pending.
const NONE: u32 = 1023;

fn register(offset: usize) -> *mut u32 {
    core::ptr::with_exposed_provenance_mut(direct(PhysAddr::new(REGISTERS)) + offset)
}

fn write(offset: usize, value: u32) {
    // SAFETY: the device is mapped from the boot table on, and none of its registers that are written here makes it
    // write memory.
    unsafe { register(offset).write_volatile(value) };
}

fn acknowledge() -> u32 {
    // SAFETY: as above; the interrupt is active from now on.
    unsafe { register(ACKNOWLEDGE).read_volatile() }
}

/// Lets software's interrupts come to this CPU. They are not taken: interrupts stay off.
pub fn init(is_first: bool) {
    if is_first {
        write(DISTRIBUTOR, 1);
    }
    write(PRIORITY_MASK, 0xff);
    write(INTERFACE, 1);
}

pub fn nap() {
    // SAFETY: a pending interrupt ends the sleep, though it is not taken.
    unsafe { asm!("dsb sy", "wfi", options(nostack, preserves_flags)) };
    loop {
        let interrupt = acknowledge();
        if interrupt & NONE == NONE {
            return;
        }
        write(END, interrupt);
    }
}

pub fn wake(others: CpuSet) {
    // What they are woken for is there when they look.
    dsb_ishst();
    write(FORWARD, (others.0 as u32 & 0xff) << 16);
}
