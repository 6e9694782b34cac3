//! RISC-V's Sv57: five levels, 57-bit virtual and 56-bit physical addresses.

use crate::area::MemoryArea;
use crate::backend::radix::Radix;
use crate::backend::riscv::{Mode, Riscv};

/// An Sv57 page table in frames of platform `P`: leaves of 4 KiB, 2 MiB and 1 GiB.
///
/// Its root goes into `satp`: see [`satp`](Radix::satp).
pub type Sv57<P> = Radix<Sv57Format, P>;

/// The entries of Sv57 (Privileged, 'Sv57: Page-Based 57-bit Virtual-Memory System').
#[derive(Clone, Copy, Debug)]
pub enum Sv57Format {}

impl Riscv for Sv57Format {
    const MODE: Mode = Mode::Sv57;
    const LEVELS: usize = 5;

    /// Bits 63 to 57 of an address must equal bit 56.
    const RANGES: &'static [MemoryArea; 2] = &[
        MemoryArea::constant(0, 0xff_ffff_ffff_ffff),
        MemoryArea::constant(0xff00_0000_0000_0000, usize::MAX),
    ];
}
