//! From the firmware to Rust: the boot table, and the first instructions.

use core::arch::global_asm;

use super::SATP_MODE;
use crate::layout::{MAX_CPUS, STACK_STRIDE};
use crate::mode::LEVELS;

/// A root table that maps memory where it is and at the same place in the upper half, all of it open, in leaves as
/// large as they get. It serves from the first instruction to the kernel's own table.
#[repr(C, align(4096))]
struct BootTable([u64; 512]);

#[unsafe(no_mangle)]
static BOOT_TABLE: BootTable = BootTable(boot_table());

const fn boot_table() -> [u64; 512] {
    // V, R, W, X, A and D.
    const OPEN: u64 = 0b1100_1111;
    let bits = 12 + 9 * (LEVELS - 1);
    // 4 GiB: 4 leaves of 1 GiB in Sv39; one is more than enough in the others.
    let leaves = if LEVELS == 3 { 4 } else { 1 };
    let mut table = [0; 512];
    let mut at = 0;
    while at < leaves {
        let page_number = (at as u64) << (bits - 12);
        table[at] = page_number << 10 | OPEN;
        table[256 + at] = table[at];
        at += 1;
    }
    table
}

global_asm!(
    include_str!("boot.S"),
    satp_mode = const (SATP_MODE as u64) << 60,
    max_harts = const MAX_CPUS,
    stack_stride = const STACK_STRIDE,
);

/// Where the other harts begin, at its physical address once [`phys`](crate::layout::phys) was asked.
pub fn other_entry() -> usize {
    unsafe extern "C" {
        fn _start_other();
    }
    _start_other as *const () as usize
}

/// Every hart comes here from boot.S, on its own stack, at its place in the upper half.
#[unsafe(no_mangle)]
extern "C" fn enter(id: usize, is_first: usize) -> ! {
    crate::enter(id, is_first != 0)
}
