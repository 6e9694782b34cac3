//! Traps: what the kernel does about faults of its own. Those of programs make `enter_user` return
//! ([`registers`](super::registers)).

use core::arch::{asm, global_asm};

use kernel_vm::Access;

use crate::probe::{self, Fault};

global_asm!(include_str!("trap.S"));

unsafe extern "C" {
    fn trap_entry();
}

/// Makes this hart's traps come to trap.S.
pub fn init() {
    // SAFETY: this hart is in the kernel, which is what `sscratch` says with 0.
    unsafe {
        asm!("csrw sscratch, zero", "csrw stvec, {}", in(reg) trap_entry as *const () as usize);
    };
}

/// The page fault that `scause` and `stval` tell of (Privileged, 'Supervisor Cause Register').
pub fn fault(cause: usize, addr: usize) -> Option<Fault> {
    let access = match cause {
        12 => Access::Execute,
        13 => Access::Read,
        15 => Access::Write,
        _ => return None,
    };
    Some(Fault { access, addr })
}

/// A trap in the kernel at `pc`; answers where to go on. Only a fault that is expected is survived.
#[unsafe(no_mangle)]
extern "C" fn kernel_trap(pc: usize, cause: usize, addr: usize) -> usize {
    let recover = fault(cause, addr).and_then(probe::keep);
    recover.unwrap_or_else(|| {
        panic!("trap in the kernel: cause {cause:#x} at {pc:#x}, address {addr:#x}")
    })
}
