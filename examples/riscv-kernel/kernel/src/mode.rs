//! Which of the three modes this build is for. Nothing else in the kernel depends on it.

#[cfg(not(any(feature = "sv48", feature = "sv57")))]
mod chosen {
    pub type PageTable = kernel_vm::backend::sv39::Sv39<crate::platform::Platform>;
    pub const MODE: kernel_vm::backend::riscv::Mode = kernel_vm::backend::riscv::Mode::Sv39;
    pub const NAME: &str = "sv39";
    pub const LEVELS: usize = 3;
}

#[cfg(all(feature = "sv48", not(feature = "sv57")))]
mod chosen {
    pub type PageTable = kernel_vm::backend::sv48::Sv48<crate::platform::Platform>;
    pub const MODE: kernel_vm::backend::riscv::Mode = kernel_vm::backend::riscv::Mode::Sv48;
    pub const NAME: &str = "sv48";
    pub const LEVELS: usize = 4;
}

#[cfg(feature = "sv57")]
mod chosen {
    pub type PageTable = kernel_vm::backend::sv57::Sv57<crate::platform::Platform>;
    pub const MODE: kernel_vm::backend::riscv::Mode = kernel_vm::backend::riscv::Mode::Sv57;
    pub const NAME: &str = "sv57";
    pub const LEVELS: usize = 5;
}

pub use chosen::{LEVELS, MODE, NAME, PageTable};

/// How many bits of a virtual address count: 9 for each level, and 12 within a page.
pub const ADDRESS_BITS: usize = 12 + 9 * LEVELS;

/// Where the upper half begins. All of physical memory is mapped there, at this offset.
pub const UPPER_HALF: usize = usize::MAX << (ADDRESS_BITS - 1);
