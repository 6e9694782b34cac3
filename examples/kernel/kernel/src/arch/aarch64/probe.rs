//! Single accesses that may fault.

use core::arch::asm;
use core::mem::offset_of;

use crate::cpus::Cpu;

/// Runs one instruction that may fault, with its operands, from a CPU that knows where to go on.
macro_rules! try_instruction {
    ($cpu:ident, $instruction:literal, $($operands:tt)*) => {
        asm!(
            "adr {next}, 77f",
            "str {next}, [{cpu}, {recover}]",
            $instruction,
            "77: str xzr, [{cpu}, {recover}]",
            recover = const offset_of!(Cpu, recover),
            cpu = in(reg) $cpu,
            next = out(reg) _,
            $($operands)*
        )
    };
}

/// # Safety
/// The fault is met by who asks for the load.
pub unsafe fn load(cpu: &Cpu, addr: usize) -> u64 {
    let value;
    // SAFETY: a load changes nothing, and the caller meets its fault.
    unsafe {
        try_instruction!(cpu, "ldr {value}, [{addr}]", addr = in(reg) addr, value = out(reg) value);
    };
    value
}

/// # Safety
/// The fault is met by who asks for the store, and no Rust object has the word.
pub unsafe fn store(cpu: &Cpu, addr: usize, value: u64) {
    // SAFETY: the caller promises it.
    unsafe {
        try_instruction!(cpu, "str {value}, [{addr}]", addr = in(reg) addr, value = in(reg) value);
    };
}

/// # Safety
/// The fault is met by who asks for the call, and what is there returns at once.
pub unsafe fn fetch(cpu: &Cpu, addr: usize) {
    // SAFETY: the caller promises it.
    unsafe { try_instruction!(cpu, "blr {addr}", addr = in(reg) addr, out("x30") _) };
}
