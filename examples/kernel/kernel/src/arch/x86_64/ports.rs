//! Devices behind I/O ports: the console, the machine's switch, its configuration, and interrupt controllers of old.

use core::arch::asm;

fn out8(port: u16, value: u8) {
    // SAFETY: none of the ports below makes a device write our memory.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack)) };
}

fn out16(port: u16, value: u16) {
    // SAFETY: see `out8`.
    unsafe { asm!("out dx, ax", in("dx") port, in("ax") value, options(nomem, nostack)) };
}

fn out32(port: u16, value: u32) {
    // SAFETY: see `out8`.
    unsafe { asm!("out dx, eax", in("dx") port, in("eax") value, options(nomem, nostack)) };
}

fn in8(port: u16) -> u8 {
    let value;
    // SAFETY: see `out8`.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack)) };
    value
}

/// The first serial port, and the bit of its status that says that it takes a byte.
const SERIAL: u16 = 0x3f8;
const SERIAL_STATUS: u16 = SERIAL + 5;
const CAN_SEND: u8 = 1 << 5;

pub fn put(byte: u8) {
    while in8(SERIAL_STATUS) & CAN_SEND == 0 {
        core::hint::spin_loop();
    }
    out8(SERIAL, byte);
}

/// Turns the machine off (QEMU's `isa-debug-exit`).
pub fn shut_down() -> ! {
    out32(0xf4, 0);
    loop {
        core::hint::spin_loop();
    }
}

/// How many CPUs there are (QEMU's `fw_cfg`). A kernel for more than one machine reads ACPI's tables.
pub fn cpu_count() -> usize {
    const CPUS: u16 = 5;
    out16(0x510, CPUS);
    let [low, high] = [in8(0x511), in8(0x511)];
    u16::from_le_bytes([low, high]).into()
}

/// Silences the interrupt controllers that are older than the local APIC: firmware has left a timer on.
pub fn mask_old_interrupts() {
    [0x21, 0xa1].into_iter().for_each(|port| out8(port, 0xff));
}

/// Waits about so many microseconds: a write to this port takes about one.
pub fn wait(microseconds: usize) {
    (0..microseconds).for_each(|_| out8(0x80, 0));
}
