//! RISC-V on the host: the kernel's own flushes and context switch, on harts of a machine.

#[path = "../common/cpu.rs"]
mod cpu;
mod instructions;
mod sbi;
#[path = "../../../kernel/src/arch/riscv64/tlb.rs"]
mod tlb;

use kernel_vm::backend::mock::machine::{Extensions, Machine, RiscV};
use kernel_vm::backend::radix::Features;
use kernel_vm::backend::riscv::{Mode, Satp};

pub use cpu::{Own, nap, new_machine, set_this, start_cpu, this, wake};
pub use kernel_vm::backend::sv39::Sv39Format as Format;
pub use tlb::{
    activate, asid_bits, entries_stored, fence, flush, lower_root, made_code, made_valid,
};

/// The harts that are simulated.
pub type Cpus = RiscV;

const SATP_MODE: Mode = Mode::Sv39;

pub const fn features() -> Features {
    Features::new()
}

pub fn cpus() -> Cpus {
    RiscV::new(Extensions::new())
}

/// No instruction caches are simulated.
fn fence_i() {}

/// This hart leaves the space that it is in, and translates nothing.
pub fn leave() {
    cpu::with(|hart| hart.write_satp(Satp::BARE.bits()));
}

/// What a new machine's harts need before they translate.
pub fn set_up(_machine: &Machine<Cpus>) {}
