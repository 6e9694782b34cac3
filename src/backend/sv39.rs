//! RISC-V's Sv39: three levels, 39-bit virtual and 56-bit physical addresses.

use crate::area::MemoryArea;
use crate::backend::radix::Radix;
use crate::backend::riscv::{Mode, Riscv};

/// An Sv39 page table in frames of platform `P`: leaves of 4 KiB, 2 MiB and 1 GiB.
///
/// Its root goes into `satp`: see [`satp`](Radix::satp).
pub type Sv39<P> = Radix<Sv39Format, P>;

/// The entries of Sv39 (Privileged, 'Sv39: Page-Based 39-bit Virtual-Memory System').
#[derive(Clone, Copy, Debug)]
pub enum Sv39Format {}

impl Riscv for Sv39Format {
    const MODE: Mode = Mode::Sv39;
    const LEVELS: usize = 3;

    /// Bits 63 to 39 of an address must equal bit 38.
    const RANGES: &'static [MemoryArea; 2] = &[
        MemoryArea::constant(0, 0x3f_ffff_ffff),
        MemoryArea::constant(0xffff_ffc0_0000_0000, usize::MAX),
    ];
}
