//! Accesses that may fault: the kernel goes on, and is told how.

use core::arch::asm;
use core::mem::offset_of;
use core::sync::atomic::Ordering::Relaxed;

use kernel_vm::Access;

use crate::harts::{self, Hart};

/// A page fault: whose access it was says `scause`, and which address says `stval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub cause: usize,
    pub addr: usize,
}

impl Fault {
    /// The fault that the manual has for this access (Privileged, 'Supervisor Cause Register').
    pub fn of(access: Access, addr: usize) -> Self {
        let cause = match access {
            Access::Execute => 12,
            Access::Read => 13,
            Access::Write => 15,
        };
        Self { cause, addr }
    }

    /// The access that has faulted.
    pub fn access(self) -> Access {
        match self.cause {
            12 => Access::Execute,
            13 => Access::Read,
            _ => Access::Write,
        }
    }
}

/// No fault came.
const NONE: usize = usize::MAX;

/// Runs one instruction that may fault, with its operands, from a hart that knows where to go on.
macro_rules! try_instruction {
    ($hart:ident, $instruction:literal, $($operands:tt)*) => {{
        $hart.cause.store(NONE, Relaxed);
        asm!(
            "lla {next}, 77f",
            "sd {next}, {recover}({hart})",
            $instruction,
            "77: sd zero, {recover}({hart})",
            recover = const offset_of!(Hart, recover),
            hart = in(reg) $hart,
            next = out(reg) _,
            $($operands)*
        )
    }};
}

fn outcome<T>(hart: &Hart, value: T) -> Result<T, Fault> {
    match hart.cause.load(Relaxed) {
        NONE => Ok(value),
        cause => Err(Fault {
            cause,
            addr: hart.addr.load(Relaxed),
        }),
    }
}

/// Loads 8 bytes from `addr`.
pub fn load(addr: usize) -> Result<u64, Fault> {
    let hart = harts::this();
    let value: u64;
    // SAFETY: a load changes nothing, and its fault is met by `kernel_trap`.
    unsafe {
        try_instruction!(hart, "ld {value}, 0({addr})", addr = in(reg) addr, value = out(reg) value)
    };
    outcome(hart, value)
}

/// Stores 8 bytes at `addr`, which no Rust object has: the callers choose memory that is there to be tried.
pub fn store(addr: usize, value: u64) -> Result<(), Fault> {
    let hart = harts::this();
    // SAFETY: see above; the fault is met by `kernel_trap`.
    unsafe {
        try_instruction!(hart, "sd {value}, 0({addr})", addr = in(reg) addr, value = in(reg) value)
    };
    outcome(hart, ())
}

/// Calls what is at `addr`: a single `ret`, the callers see to that.
pub fn fetch(addr: usize) -> Result<(), Fault> {
    let hart = harts::this();
    // SAFETY: see above; the fault is met by `kernel_trap`.
    unsafe { try_instruction!(hart, "jalr ra, 0({addr})", addr = in(reg) addr, out("ra") _) };
    outcome(hart, ())
}

/// The bits of `sstatus` that say more about the kernel's accesses: SUM opens user pages to it, MXR makes what is
/// executable readable.
pub const SUM: usize = 1 << 18;
pub const MXR: usize = 1 << 19;

/// Runs `f` with these bits of `sstatus` set, and clears them.
pub fn with_status<R>(bits: usize, f: impl FnOnce() -> R) -> R {
    // SAFETY: the bits allow accesses, and forbid none.
    unsafe { asm!("csrs sstatus, {}", in(reg) bits) };
    let answer = f();
    // SAFETY: the kernel needs neither bit for memory of its own.
    unsafe { asm!("csrc sstatus, {}", in(reg) bits) };
    answer
}
