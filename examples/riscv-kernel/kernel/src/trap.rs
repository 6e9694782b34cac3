//! Traps: what the kernel does about faults of its own. Those of programs make `enter_user` return ([`user`](crate::user)).

use core::arch::{asm, global_asm};
use core::sync::atomic::Ordering::Relaxed;

use crate::harts;

global_asm!(include_str!("trap.S"));

unsafe extern "C" {
    fn trap_entry();
}

/// Makes this hart's traps come to trap.S.
pub fn init() {
    // SAFETY: this hart is in the kernel, which is what `sscratch` says with 0.
    unsafe {
        asm!("csrw sscratch, zero", "csrw stvec, {}", in(reg) trap_entry as *const () as usize)
    };
}

/// A trap in the kernel at `pc`; answers where to go on. Only a fault that is expected is survived.
#[unsafe(no_mangle)]
extern "C" fn kernel_trap(pc: usize, cause: usize, addr: usize) -> usize {
    let hart = harts::this();
    let recover = hart.recover.swap(0, Relaxed);
    assert!(
        recover != 0,
        "trap in the kernel: cause {cause:#x} at {pc:#x}, address {addr:#x}"
    );
    hart.cause.store(cause, Relaxed);
    hart.addr.store(addr, Relaxed);
    recover
}
