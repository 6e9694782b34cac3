//! Which of the three modes this build is for: it decides the format of the page tables, and where the upper half
//! begins.

use kernel_vm::backend::radix::{Format, Radix};
use kernel_vm::backend::riscv::Mode;

#[cfg(not(any(feature = "sv48", feature = "sv57")))]
use kernel_vm::backend::sv39::Sv39Format as Chosen;
#[cfg(all(feature = "sv48", not(feature = "sv57")))]
use kernel_vm::backend::sv48::Sv48Format as Chosen;
#[cfg(feature = "sv57")]
use kernel_vm::backend::sv57::Sv57Format as Chosen;

use crate::platform::KernelPlatform;

/// A page table of this kernel: with Sv39, `kernel_vm::backend::sv39::Sv39<KernelPlatform>`.
pub type PageTable = Radix<Chosen, KernelPlatform>;

/// What `satp` calls the mode.
pub const MODE: Mode = PageTable::MODE;

/// What the last line calls it.
pub const NAME: &str = match MODE {
    Mode::Bare => "bare",
    Mode::Sv39 => "sv39",
    Mode::Sv48 => "sv48",
    Mode::Sv57 => "sv57",
    _ => panic!("not a mode of this kernel"),
};

/// How many levels of tables there are.
pub const LEVELS: usize = Chosen::LEVELS;

/// Where the upper half begins, the kernel's. All of physical memory is mapped there, at this offset.
pub const UPPER_HALF: usize = Chosen::RANGES[1].start().get();

/// The last byte of the lower half, which is the programs'.
pub const LOWER_END: usize = Chosen::RANGES[0].end().get();
