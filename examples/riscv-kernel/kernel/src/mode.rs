//! Which of the three modes this build is for: it decides the format of the page tables, and where the upper half begins.

use kernel_vm::backend::radix::{Format, Radix};

use crate::platform::Platform;

#[cfg(not(any(feature = "sv48", feature = "sv57")))]
mod chosen {
    pub use kernel_vm::backend::sv39::Sv39Format as Chosen;
    pub const MODE: kernel_vm::backend::riscv::Mode = kernel_vm::backend::riscv::Mode::Sv39;
    pub const NAME: &str = "sv39";
}

#[cfg(all(feature = "sv48", not(feature = "sv57")))]
mod chosen {
    pub use kernel_vm::backend::sv48::Sv48Format as Chosen;
    pub const MODE: kernel_vm::backend::riscv::Mode = kernel_vm::backend::riscv::Mode::Sv48;
    pub const NAME: &str = "sv48";
}

#[cfg(feature = "sv57")]
mod chosen {
    pub use kernel_vm::backend::sv57::Sv57Format as Chosen;
    pub const MODE: kernel_vm::backend::riscv::Mode = kernel_vm::backend::riscv::Mode::Sv57;
    pub const NAME: &str = "sv57";
}

use chosen::Chosen;
pub use chosen::{MODE, NAME};

/// A page table of this kernel: with Sv39, `kernel_vm::backend::sv39::Sv39<Platform>`.
pub type PageTable = Radix<Chosen, Platform>;

/// How many levels of tables it has.
pub const LEVELS: usize = Chosen::LEVELS;

/// Where the upper half begins, the kernel's. All of physical memory is mapped there, at this offset.
pub const UPPER_HALF: usize = Chosen::RANGES[1].start().get();

/// The last byte of the lower half, which is the programs'.
pub const LOWER_END: usize = Chosen::RANGES[0].end().get();
