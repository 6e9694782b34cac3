//! The local APIC: interrupts between CPUs (SDM, 'Advanced Programmable Interrupt Controller (APIC)').
//!
//! One interrupt serves all: it wakes its CPU, and lets it do what another CPU waits for.

use core::arch::asm;
use core::hint::spin_loop;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicUsize};

use kernel_vm::PhysAddr;

use crate::cpus::{self, CpuSet};
use crate::layout::direct;
use crate::lock::Lock;

/// Where the registers are after a reset.
pub const REGISTERS: u64 = 0xfee0_0000;

const END_OF_INTERRUPT: usize = 0xb0;
const SPURIOUS: usize = 0xf0;
const COMMAND_LOW: usize = 0x300;
const COMMAND_HIGH: usize = 0x310;
const LINT0: usize = 0x350;

/// The vectors of the two interrupts that come.
pub const CALL_VECTOR: u8 = 0xf1;
pub const SPURIOUS_VECTOR: u8 = 0xff;

/// A register, in the direct map.
fn register(offset: usize) -> *mut u32 {
    core::ptr::with_exposed_provenance_mut(direct(PhysAddr::new(REGISTERS)) + offset)
}

fn write(offset: usize, value: u32) {
    // SAFETY: both the boot table and the kernel's own map the registers, and none of them makes the APIC write our
    // memory.
    unsafe { register(offset).write_volatile(value) };
}

fn read(offset: usize) -> u32 {
    // SAFETY: see `write`.
    unsafe { register(offset).read_volatile() }
}

/// Turns this CPU's APIC on. Nothing comes from outside: the line of the old controllers is masked.
pub fn init() {
    const ON: u32 = 1 << 8;
    const MASKED: u32 = 1 << 16;
    write(SPURIOUS, ON | u32::from(SPURIOUS_VECTOR));
    write(LINT0, MASKED);
}

/// Sends one command to a CPU, once the last is gone. No interrupt handler sends any.
fn send(id: usize, command: u32) {
    const IS_PENDING: u32 = 1 << 12;
    while read(COMMAND_LOW) & IS_PENDING != 0 {
        spin_loop();
    }
    write(COMMAND_HIGH, (id as u32) << 24);
    write(COMMAND_LOW, command);
}

pub fn send_init(id: usize) {
    send(id, 0b101 << 8 | 1 << 14);
}

/// Lets a CPU begin at this page of physical memory, in 16-bit mode.
pub fn send_startup(id: usize, page: u32) {
    send(id, 0b110 << 8 | 1 << 14 | page);
}

pub fn wake(others: CpuSet) {
    others
        .ids()
        .for_each(|id| send(id, 1 << 14 | u32::from(CALL_VECTOR)));
}

/// Sleeps with interrupts on. They are off between the look at the mark and `hlt`, behind which alone they come.
pub fn nap() {
    let is_woken = &cpus::this().own.is_woken;
    // SAFETY: they are turned on again below.
    unsafe { asm!("cli", options(nostack)) };
    if is_woken.swap(false, Acquire) {
        super::cpu::enable_interrupts();
        return;
    }
    // SAFETY: the handlers take no lock and keep all registers.
    unsafe { asm!("sti", "hlt", options(nostack)) };
    is_woken.store(false, Relaxed);
}

/// What other CPUs are to do, while this lock is held.
type Job<'a> = &'a (dyn Fn() + Sync);
static CALLING: Lock<()> = Lock::new(());
static JOB: AtomicPtr<Job<'static>> = AtomicPtr::new(core::ptr::null_mut());
/// Who has not done it yet, a bit each.
static PENDING: AtomicUsize = AtomicUsize::new(0);

/// Does `job` on these CPUs, inside their interrupt handlers, and on this one; waits for all.
///
/// Whoever waits here, or for the lock, has interrupts on, and so serves the others meanwhile.
pub fn on_each(cpus: CpuSet, job: Job<'_>) {
    if let Some(others) = cpus::others_of(cpus) {
        let _calling = CALLING.lock();
        JOB.store((&raw const job).cast_mut().cast(), Relaxed);
        PENDING.store(others.0, Release);
        wake(others);
        job();
        while PENDING.load(Acquire) != 0 {
            spin_loop();
        }
    } else {
        job();
    }
}

/// The interrupt has come: from a program or from the kernel, which has interrupts off until this returns.
pub fn serve() {
    let cpu = cpus::this();
    let own = 1 << cpu.id();
    if PENDING.load(Acquire) & own != 0 {
        // SAFETY: the bit says that the caller waits for this CPU, with the job on its stack.
        let job = unsafe { *JOB.load(Relaxed) };
        job();
        PENDING.fetch_and(!own, AcqRel);
    }
    cpu.own.is_woken.store(true, Release);
    write(END_OF_INTERRUPT, 0);
}
