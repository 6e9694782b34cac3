//! The three kinds of page tables, and how a CPU is told of each.

use kernel_vm::backend::radix::Format;
use kernel_vm::backend::riscv::Mode;
use kernel_vm::backend::{sv39::Sv39Format, sv48::Sv48Format, sv57::Sv57Format};

/// A format that the machine has a mode for.
pub trait Mmu: Format + 'static {
    const MODE: Mode;
}

impl Mmu for Sv39Format {
    const MODE: Mode = Mode::Sv39;
}

impl Mmu for Sv48Format {
    const MODE: Mode = Mode::Sv48;
}

impl Mmu for Sv57Format {
    const MODE: Mode = Mode::Sv57;
}
