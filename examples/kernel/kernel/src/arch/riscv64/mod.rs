//! RISC-V of 64 bits, on QEMU's machine `virt` with OpenSBI: Sv39, or what a feature says.

mod boot;
mod cpu;
mod manual;
mod probe;
mod registers;
mod sbi;
mod tlb;
mod trap;

use kernel_vm::backend::radix::Features;
use kernel_vm::backend::riscv as instructions;
use kernel_vm::backend::riscv::Mode;

use cpu::fence_i;

pub use cpu::{Own, init, nap, set_this, start_cpu, this, wake};
pub use manual::{CALL, EVERYONE, EXECUTE_ONLY, RETURN, allows, pointer, translation, with_opened};
pub use probe::{fetch, load, store};
pub use registers::Registers;
pub use sbi::{put, shut_down};
pub use tlb::{activate, activate_kernel, asid_bits, entries_stored, fence, flush, forget_page};
pub use tlb::{lower_root, made_code, made_valid};

#[cfg(not(any(feature = "sv48", feature = "sv57")))]
pub use kernel_vm::backend::sv39::Sv39Format as Format;
#[cfg(all(feature = "sv48", not(feature = "sv57")))]
pub use kernel_vm::backend::sv48::Sv48Format as Format;
#[cfg(feature = "sv57")]
pub use kernel_vm::backend::sv57::Sv57Format as Format;

pub const ARCH: &str = "riscv64";

/// What `satp` calls the mode.
const SATP_MODE: Mode = crate::mode::PageTable::MODE;

pub const MODE: &str = match SATP_MODE {
    Mode::Bare => "bare",
    Mode::Sv39 => "sv39",
    Mode::Sv48 => "sv48",
    Mode::Sv57 => "sv57",
    _ => panic!("not a mode of this kernel"),
};

pub const RAM: u64 = 0x8000_0000;

/// The firmware has the console.
pub const DEVICES: &[(u64, usize)] = &[];

pub const fn features() -> Features {
    Features::new()
}
