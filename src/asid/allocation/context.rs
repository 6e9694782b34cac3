//! An ASID together with the generation in which it was handed out.

use crate::asid::number::Asid;

/// How many low bits of a context are the ASID; the generation stands above them.
const NUMBER_BITS: u32 = 16;

/// An ASID, and the generation in which it was handed out to one space: one word.
///
/// Two contexts are equal only if they are one space's, since no generation hands a number out twice. The 48 bits of a
/// generation do not run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Context(u64);

impl Context {
    /// The context of a slot before its first switch, and of a CPU that has yet to flush for this generation.
    ///
    /// Generations begin at 1, so no space has this one. All bits are 0, as in the words that
    /// [`lines`](crate::sync::lines) makes.
    pub(super) const NONE: Self = Self(0);

    /// The context of a CPU that runs no space: no generation hands it out, and no slot holds it.
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
