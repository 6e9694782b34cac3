//! The console: a PL011, which QEMU has ready.

use kernel_vm::PhysAddr;

use crate::layout::direct;

pub const REGISTERS: u64 = 0x0900_0000;
/// The data register, and the flags; one of them says that there is no room.
const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
const IS_FULL: u32 = 1 << 5;

fn register(offset: usize) -> *mut u32 {
    core::ptr::with_exposed_provenance_mut(direct(PhysAddr::new(REGISTERS)) + offset)
}

pub fn put(byte: u8) {
    // SAFETY: the device is mapped from the boot table on, and reading its flags changes nothing.
    while unsafe { register(FLAGS).read_volatile() } & IS_FULL != 0 {
        core::hint::spin_loop();
    }
    // SAFETY: as above; the byte goes out.
    unsafe { register(DATA).write_volatile(byte.into()) };
}
