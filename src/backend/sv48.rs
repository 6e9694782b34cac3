//! RISC-V's Sv48: four levels, 48-bit virtual and 56-bit physical addresses.

use crate::area::MemoryArea;
use crate::backend::radix::Radix;
use crate::backend::riscv::{Mode, Riscv};

/// An Sv48 page table in frames of platform `P`: leaves of 4 KiB, 2 MiB and 1 GiB.
///
/// Its root goes into `satp`: see [`satp`](Radix::satp).
pub type Sv48<P> = Radix<Sv48Format, P>;

/// The entries of Sv48 (Privileged, 'Sv48: Page-Based 48-bit Virtual-Memory System').
#[derive(Clone, Copy, Debug)]
pub enum Sv48Format {}

impl Riscv for Sv48Format {
    const MODE: Mode = Mode::Sv48;
    const LEVELS: usize = 4;

    /// Bits 63 to 48 of an address must equal bit 47.
    const RANGES: &'static [MemoryArea; 2] = &[
        MemoryArea::constant(0, 0x7fff_ffff_ffff),
        MemoryArea::constant(0xffff_8000_0000_0000, usize::MAX),
    ];
}
