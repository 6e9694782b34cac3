//! x86-64, on QEMU's machine `q35`: 4 levels of tables, or 5 with the feature `la57`.

mod apic;
mod boot;
mod cpu;
mod cpuid;
mod descriptors;
mod manual;
mod ports;
mod probe;
mod registers;
mod tlb;
mod trap;

use kernel_vm::backend::radix::{AccessedDirty, Features};
use kernel_vm::backend::x86_64 as instructions;
use kernel_vm::backend::x86_64::X86_64Format;

pub use apic::{nap, wake};
pub use cpu::{Own, init, set_this, start_cpu, this};
pub use manual::{CALL, EVERYONE, EXECUTE_ONLY, RETURN, allows, pointer, translation, with_opened};
pub use ports::{put, shut_down};
pub use probe::{fetch, load, store};
pub use registers::Registers;
pub use tlb::{activate, activate_kernel, asid_bits, entries_stored, fence, flush, forget_page};
pub use tlb::{lower_root, made_code, made_valid};

pub type Format = X86_64Format<LEVELS>;

const LEVELS: usize = if cfg!(feature = "la57") { 5 } else { 4 };

pub const ARCH: &str = "x86_64";

pub const MODE: &str = if LEVELS == 5 { "5-level" } else { "4-level" };

pub const RAM: u64 = 0;

/// The registers of each CPU's local APIC, all at one address.
pub const DEVICES: &[(u64, usize)] = &[(apic::REGISTERS, crate::layout::PAGE)];

/// The boots with 4 levels set accessed and dirty bits from the start, those with 5 leave them to the MMU.
const MARKS: AccessedDirty = if LEVELS == 5 {
    AccessedDirty::Hardware
} else {
    AccessedDirty::Preset
};

pub fn features() -> Features {
    Features::new()
        .with_physical_bits(cpuid::physical_bits())
        .with_gib_leaves(cpuid::has_gib_leaves())
        .with_accessed_dirty(MARKS)
}
