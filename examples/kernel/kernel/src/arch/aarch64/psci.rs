//! Calls to the firmware (Arm Power State Coordination Interface), which is QEMU itself: CPUs and power.

use core::arch::asm;

use kernel_vm::PhysAddr;

const CPU_ON: u64 = 0xc400_0003;
const SYSTEM_OFF: u64 = 0x8400_0008;

fn call(function: u64, args: [u64; 3]) -> i32 {
    let [a1, a2, a3] = args;
    let answer: u64;
    // SAFETY: the firmware keeps memory, and the registers that a function keeps.
    unsafe {
        asm!(
            "hvc #0",
            inlateout("x0") function => answer,
            in("x1") a1,
            in("x2") a2,
            in("x3") a3,
            clobber_abi("C"),
            options(nostack),
        );
    }
    answer as i32
}

/// Starts a CPU at a physical address, with translation off; answers whether there is one of this number.
pub fn start_cpu(id: usize, at: PhysAddr) -> bool {
    /// There is no such CPU.
    const INVALID_PARAMETERS: i32 = -2;
    match call(CPU_ON, [id as u64, at.get(), 0]) {
        0 => true,
        INVALID_PARAMETERS => false,
        error => panic!("CPU {id} does not start: {error}"),
    }
}

pub fn shut_down() -> ! {
    call(SYSTEM_OFF, [0; 3]);
    loop {
        core::hint::spin_loop();
    }
}
