//! Traps: what the kernel does about faults of its own. Those of programs make `enter_user` return
//! ([`registers`](super::registers)).

use core::arch::{asm, global_asm};

use kernel_vm::Access;

use crate::probe::{self, Fault};

global_asm!(include_str!("trap.S"));

unsafe extern "C" {
    static trap_vectors: u8;
}

/// Makes this CPU's traps come to trap.S.
pub fn init() {
    let vectors = &raw const trap_vectors;
    // SAFETY: the vectors are aligned as they must be, and stay mapped.
    unsafe { asm!("msr vbar_el1, {}", "isb", in(reg) vectors, options(nostack, preserves_flags)) };
}

/// The class of an exception: the field EC of ESR_EL1.
const fn class(syndrome: usize) -> usize {
    syndrome >> 26 & 0x3f
}

/// `svc`.
pub const fn is_call(syndrome: usize) -> bool {
    class(syndrome) == 0x15
}

/// The page fault that ESR_EL1 and FAR_EL1 tell of: an abort whose status code is a translation, access flag or
/// permission fault of any level (Arm ARM, 'ESR_EL1, Exception Syndrome Register').
pub const fn fault(syndrome: usize, addr: usize) -> Option<Fault> {
    let is_write = syndrome & 1 << 6 != 0;
    let access = match class(syndrome) {
        0x20 | 0x21 => Access::Execute,
        0x24 | 0x25 if is_write => Access::Write,
        0x24 | 0x25 => Access::Read,
        _ => return None,
    };
    match syndrome >> 2 & 0xf {
        1..=3 => Some(Fault { access, addr }),
        _ => None,
    }
}

/// A trap in the kernel at `pc`; answers where to go on. Only a fault that is expected is survived.
#[unsafe(no_mangle)]
extern "C" fn kernel_trap(pc: usize, syndrome: usize, addr: usize) -> usize {
    let recover = fault(syndrome, addr).and_then(probe::keep);
    recover.unwrap_or_else(|| {
        panic!("trap in the kernel: syndrome {syndrome:#x} at {pc:#x}, address {addr:#x}")
    })
}

/// An exception of another kind than those that this kernel makes, by the number of its vector.
#[unsafe(no_mangle)]
extern "C" fn unexpected_trap(vector: usize) -> ! {
    panic!("trap by vector {vector}");
}
