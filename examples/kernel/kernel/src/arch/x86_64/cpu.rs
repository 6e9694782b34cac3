//! A CPU: GS points to what it keeps while it is in the kernel.

use core::arch::asm;
use core::mem::offset_of;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicUsize};

use super::{apic, boot, cpuid, descriptors, ports};
use crate::cpus::Cpu;

/// What trap.S finds by GS, and whether an interrupt has woken this CPU.
#[derive(Debug)]
pub struct Own {
    /// The address of the [`Cpu`] itself.
    this: AtomicUsize,
    /// Where the kernel's stack is while a program runs.
    pub kernel_rsp: AtomicUsize,
    /// Where its task-state segment is, which says to where a trap of a program switches the stack.
    pub task_state: AtomicUsize,
    pub is_woken: AtomicBool,
}

impl Own {
    pub const fn new() -> Self {
        Self {
            this: AtomicUsize::new(0),
            kernel_rsp: AtomicUsize::new(0),
            task_state: AtomicUsize::new(0),
            is_woken: AtomicBool::new(false),
        }
    }
}

fn write_msr(register: u32, value: usize) {
    let (low, high) = (value as u32, (value >> 32) as u32);
    // SAFETY: the callers know what the register does.
    unsafe {
        asm!("wrmsr", in("ecx") register, in("eax") low, in("edx") high, options(nostack));
    }
}

pub fn set_this(cpu: &'static Cpu) {
    const GS_BASE: u32 = 0xc000_0101;
    let addr = (&raw const *cpu).expose_provenance();
    cpu.own.this.store(addr, Relaxed);
    // Compiled code leaves GS alone, and trap.S swaps it with the program's.
    write_msr(GS_BASE, addr);
}

#[inline]
pub fn this() -> *const Cpu {
    let addr: usize;
    // SAFETY: `set_this` has let GS point to a CPU's own, which says where it is.
    unsafe {
        asm!(
            "mov {}, gs:[{this}]",
            out(reg) addr,
            this = const offset_of!(Cpu, own.this),
            options(nostack, pure, readonly, preserves_flags),
        );
    }
    core::ptr::with_exposed_provenance(addr)
}

/// Sets the bits of CR4 that boot.S leaves: SMEP, SMAP, and PCIDE where it is of use.
fn set_cr4() {
    assert!(cpuid::has_smep_and_smap(), "no SMEP, or no SMAP");
    let pcids = if cpuid::has_pcids() { 1 << 17 } else { 0 };
    let bits: u64 = 1 << 20 | 1 << 21 | pcids;
    // SAFETY: this CPU has what the bits turn on; no page that the kernel uses is a user page, and the PCID is 0.
    unsafe {
        asm!(
            "mov {all}, cr4",
            "or {all}, {bits}",
            "mov cr4, {all}",
            all = out(reg) _,
            bits = in(reg) bits,
            options(nostack),
        );
    }
}

/// From its end on, interrupts come: but for traps and the way to a program, they are on in the kernel.
pub fn init(is_first: bool) {
    set_cr4();
    if is_first {
        boot::copy_trampoline();
        ports::mask_old_interrupts();
    }
    descriptors::init(is_first);
    apic::init();
    enable_interrupts();
}

pub fn enable_interrupts() {
    // SAFETY: the handlers take no lock and keep all registers.
    unsafe { asm!("sti", options(nostack)) };
}

/// INIT and SIPI (SDM, 'MP Initialization Protocol Algorithm for MP Systems'). CPUs have their numbers without gaps.
pub fn start_cpu(id: usize) -> bool {
    let is_there = id < ports::cpu_count();
    if is_there {
        apic::send_init(id);
        ports::wait(10_000);
        for _ in 0..2 {
            apic::send_startup(id, boot::TRAMPOLINE_PAGE);
            ports::wait(200);
        }
    }
    is_there
}
