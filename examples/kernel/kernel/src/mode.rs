//! Which mode this build is for: it decides the format of the page tables, and where the upper half begins.

use kernel_vm::backend::radix::{Format as _, Radix};

use crate::arch::{self, Format};
use crate::platform::KernelPlatform;

/// A page table of this kernel: with Sv39, `kernel_vm::backend::sv39::Sv39<KernelPlatform>`.
pub type PageTable = Radix<Format, KernelPlatform>;

/// How many levels of tables there are.
pub const LEVELS: usize = Format::LEVELS;

/// What a leaf of a level spans, the lowest being 0.
const fn span(level: usize) -> usize {
    1 << (12 + 9 * level)
}

/// The size of the largest leaf that this CPU has.
pub fn largest_leaf() -> usize {
    span(Format::highest_leaf(arch::features()))
}

/// The size of the largest in the kernel's half, all of whose root entries are tables, so that all spaces can share
/// them.
pub fn largest_kernel_leaf() -> usize {
    largest_leaf().min(span(LEVELS - 2))
}

/// Where the upper half begins, the kernel's. All of physical memory is mapped there, at this offset.
pub const UPPER_HALF: usize = Format::RANGES[1].start().get();

/// The last byte of the lower half, which is the programs'.
pub const LOWER_END: usize = Format::RANGES[0].end().get();
