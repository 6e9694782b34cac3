//! Calls to the firmware (RISC-V Supervisor Binary Interface): console, harts, remote fences, power.

use core::arch::asm;

use crate::cpus::CpuSet;

/// The answer: a value, or the firmware's error number.
type Answer = Result<usize, isize>;

fn call(extension: usize, function: usize, args: [usize; 5]) -> Answer {
    let [a0, a1, a2, a3, a4] = args;
    let (error, value): (isize, usize);
    // SAFETY: the firmware keeps all registers but a0 and a1, and none of the calls below makes it write our memory.
    unsafe {
        asm!(
            "ecall",
            inlateout("a0") a0 => error,
            inlateout("a1") a1 => value,
            in("a2") a2,
            in("a3") a3,
            in("a4") a4,
            in("a6") function,
            in("a7") extension,
            options(nostack),
        );
    }
    if error == 0 { Ok(value) } else { Err(error) }
}

/// Prints a byte (legacy extension, which every OpenSBI has).
pub fn put(byte: u8) {
    let _ = call(1, 0, [byte.into(), 0, 0, 0, 0]);
}

const HSM: usize = 0x0048_534d;
const IPI: usize = 0x0073_5049;
const RFENCE: usize = 0x5246_4e43;
const RESET: usize = 0x5352_5354;

/// Whether there is a hart with this id.
pub fn has_hart(id: usize) -> bool {
    call(HSM, 2, [id, 0, 0, 0, 0]).is_ok()
}

/// Starts a stopped hart at a physical address, with translation off.
pub fn start_hart(id: usize, at: u64) -> Answer {
    call(HSM, 0, [id, at as usize, 0, 0, 0])
}

/// Raises the software interrupt of these harts.
pub fn send_ipi(harts: CpuSet) -> Answer {
    call(IPI, 0, [harts.0, 0, 0, 0, 0])
}

/// `fence.i` on these harts; done when it returns.
pub fn remote_fence_i(harts: CpuSet) -> Answer {
    call(RFENCE, 0, [harts.0, 0, 0, 0, 0])
}

/// `sfence.vma` on these harts, for all spaces; done when it returns. A size of `usize::MAX` means every address, and
/// all that is cached of page tables.
pub fn remote_sfence_vma(harts: CpuSet, start: usize, size: usize) -> Answer {
    call(RFENCE, 1, [harts.0, 0, start, size, 0])
}

/// The same for one address space; global translations may stay.
pub fn remote_sfence_vma_asid(harts: CpuSet, start: usize, size: usize, asid: u16) -> Answer {
    call(RFENCE, 2, [harts.0, 0, start, size, asid.into()])
}

/// Turns the machine off.
pub fn shut_down() -> ! {
    let _ = call(RESET, 0, [0; 5]);
    loop {
        core::hint::spin_loop();
    }
}
