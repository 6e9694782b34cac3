//! AArch64 on the host: the kernel's own flushes and context switch, on CPUs of a machine.

mod boot;
mod caches;
#[path = "../common/cpu.rs"]
mod cpu;
mod instructions;
#[path = "../../../kernel/src/arch/aarch64/tlb.rs"]
mod tlb;

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::machine::{AArch64, Machine};
use kernel_vm::backend::radix::Features;

pub use cpu::{Own, nap, new_machine, set_this, start_cpu, this, wake};
pub use tlb::{activate, entries_stored, fence, flush, lower_root, made_code, made_valid};

pub type Format = Aarch64Format<4>;

/// The CPUs that are simulated.
pub type Cpus = AArch64;

pub const fn features() -> Features {
    Features::new()
}

pub fn cpus() -> Cpus {
    AArch64::new()
}

pub fn asid_bits() -> u32 {
    16
}

/// This CPU leaves the space that it is in, and translates nothing.
pub fn leave() {
    cpu::with(|cpu| cpu.set_mmu(false));
}

/// Each CPU turns translation on with its first space.
pub fn set_up(_machine: &Machine<Cpus>) {}
