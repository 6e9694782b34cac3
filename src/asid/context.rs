//! What stands for an ASID in one generation.

use super::number::Asid;

/// How many low bits the number has; the generation is above.
const NUMBER_BITS: u32 = 16;

/// An ASID and the generation in which it is somebody's. 48 bits of generations do not run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Context(u64);

impl Context {
    /// None yet: generations begin at 1.
    pub(super) const NONE: Self = Self(0);

    /// What a CPU runs that runs no space: no generation has it, and no slot.
    pub(super) const IDLE: Self = Self(1);

    pub(super) const fn new(generation: u64, asid: Asid) -> Self {
        Self(generation << NUMBER_BITS | asid.get() as u64)
    }

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    pub(super) const fn generation(self) -> u64 {
        self.0 >> NUMBER_BITS
    }

    pub(super) fn asid(self) -> Asid {
        Asid::new(u16::try_from(self.0 & 0xffff).unwrap_or(0))
    }
}
