//! x86-64 on the host: the kernel's own flushes and context switch, on CPUs of a machine.

mod apic;
#[path = "../common/cpu.rs"]
mod cpu;
mod cpuid;
mod instructions;
#[path = "../../../kernel/src/arch/x86_64/tlb.rs"]
mod tlb;

use kernel_vm::backend::mock::machine::{Machine, X86_64};
use kernel_vm::backend::radix::Features;
use kernel_vm::backend::x86_64::X86_64Format;

pub use cpu::{Own, nap, new_machine, set_this, start_cpu, this, wake};
pub use tlb::{
    activate, asid_bits, entries_stored, fence, flush, lower_root, made_code, made_valid,
};

pub type Format = X86_64Format<4>;

/// The CPUs that are simulated.
pub type Cpus = X86_64;

pub const fn features() -> Features {
    Features::new()
}

pub fn cpus() -> Cpus {
    X86_64::new()
}

/// This CPU leaves the space that it is in, and translates nothing.
pub fn leave() {
    cpu::with(|cpu| {
        cpu.set_paging(false);
        cpu.write_cr3(0);
    });
}

/// Each CPU turns paging on with its first space.
pub fn set_up(_machine: &Machine<Cpus>) {}
