//! Traps: what the kernel does about faults of its own, and about the other CPUs' interrupts. Faults of programs make
//! `enter_user` return ([`registers`](super::registers)).

use core::arch::{asm, global_asm};
use core::mem::offset_of;

use kernel_vm::Access;

use super::apic::{self, CALL_VECTOR, SPURIOUS_VECTOR};
use super::registers::Registers;
use crate::cpus::Cpu;
use crate::probe::{self, Fault};

global_asm!(
    include_str!("trap.S"),
    kernel_rsp = const offset_of!(Cpu, own.kernel_rsp),
    task_state = const offset_of!(Cpu, own.task_state),
    call_vector = const CALL_VECTOR,
    spurious_vector = const SPURIOUS_VECTOR,
    size = const size_of::<Registers>(),
);

/// The address of the stub for a vector.
pub fn stub(vector: u8) -> usize {
    unsafe extern "C" {
        static trap_stubs: [[u8; 16]; 256];
    }
    (&raw const trap_stubs).addr() + 16 * usize::from(vector)
}

/// The vector of a page fault.
pub const PAGE_FAULT: usize = 14;

/// Its address: CR2, until the next one.
pub fn fault_address() -> usize {
    let addr;
    // SAFETY: reading the register changes nothing.
    unsafe { asm!("mov {}, cr2", out(reg) addr, options(nomem, nostack, preserves_flags)) };
    addr
}

/// The page fault that an error code and CR2 tell of (SDM, 'Page-Fault Error Code'); `None` where it tells of a
/// reserved bit, of anything that this kernel does not turn on, or of another ring.
pub fn fault(error: usize, addr: usize, is_user: bool) -> Option<Fault> {
    const PRESENT: usize = 1 << 0;
    const WRITE: usize = 1 << 1;
    const USER: usize = 1 << 2;
    const FETCH: usize = 1 << 4;
    let access = match error & !(PRESENT | USER) {
        0 => Access::Read,
        WRITE => Access::Write,
        FETCH => Access::Execute,
        _ => return None,
    };
    (is_user == (error & USER != 0)).then_some(Fault { access, addr })
}

/// What a trap has pushed.
#[derive(Debug)]
#[repr(C)]
struct Frame {
    vector: usize,
    error: usize,
    rip: usize,
    cs: usize,
    rflags: usize,
    rsp: usize,
    ss: usize,
}

/// A trap in the kernel. Of faults, only one that is expected is survived.
#[unsafe(no_mangle)]
extern "C" fn kernel_trap(frame: &mut Frame) {
    const CALL: usize = CALL_VECTOR as usize;
    const SPURIOUS: usize = SPURIOUS_VECTOR as usize;
    match frame.vector {
        CALL => apic::serve(),
        SPURIOUS => {}
        PAGE_FAULT => {
            let addr = fault_address();
            let recover = fault(frame.error, addr, false).and_then(probe::keep);
            frame.rip = recover
                .unwrap_or_else(|| panic!("page fault in the kernel at {addr:#x}: {frame:x?}"));
        }
        _ => panic!("trap in the kernel: {frame:x?}"),
    }
}

/// Another CPU's interrupt, while a program ran.
#[unsafe(no_mangle)]
extern "C" fn serve_call() {
    apic::serve();
}
