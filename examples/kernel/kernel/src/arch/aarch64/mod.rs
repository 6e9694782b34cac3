//! AArch64, on QEMU's machine `virt`: halves of 48 bits, or of 39 with the feature `va39`.
//!
//! A large leaf that is split is broken meanwhile. The kernel's own code, stacks and tables lie in leaves of its half
//! that no verb splits: what the checks edit there are pages of their own.

mod boot;
mod caches;
mod console;
mod cpu;
mod gic;
mod identify;
mod manual;
mod probe;
mod psci;
mod registers;
mod system;
mod tlb;
mod trap;

use kernel_vm::backend::aarch64 as instructions;
use kernel_vm::backend::aarch64::Aarch64Format;

pub use console::put;
pub use cpu::{Own, init, set_this, start_cpu, this};
pub use gic::{nap, wake};
pub use identify::{asid_bits, features};
pub use manual::{CALL, EVERYONE, EXECUTE_ONLY, RETURN, allows, pointer, translation, with_opened};
pub use probe::{fetch, load, store};
pub use psci::shut_down;
pub use registers::Registers;
pub use tlb::{activate, activate_kernel, entries_stored, fence, flush, forget_page};
pub use tlb::{lower_root, made_code, made_valid};

pub type Format = Aarch64Format<LEVELS>;

const LEVELS: usize = if cfg!(feature = "va39") { 3 } else { 4 };

/// How many bits of an address a half has.
const HALF_BITS: u64 = 12 + 9 * LEVELS as u64;

pub const ARCH: &str = "aarch64";

pub const MODE: &str = if LEVELS == 3 { "39-bit" } else { "48-bit" };

/// Boots with halves of 48 bits leave access flag and dirty state to an MMU that keeps them, those with 39 preset both.
const LETS_MMU_MARK: bool = LEVELS == 4;

pub const RAM: u64 = 0x4000_0000;

/// The interrupt controller, and the console.
pub const DEVICES: &[(u64, usize)] = &[
    (gic::REGISTERS, gic::SIZE),
    (console::REGISTERS, crate::layout::PAGE),
];
