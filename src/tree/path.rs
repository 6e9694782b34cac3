//! The way to a map, once found, need not be looked for again.

/// The positions on the way down to a map, the root's in the lowest bits.
#[derive(Clone, Copy, Default)]
pub(crate) struct Path {
    bits: usize,
    shift: u32,
}

/// How many bits a position takes: enough for any node.
const STEP: u32 = 6;

impl Path {
    #[inline]
    pub(super) const fn from_bits(bits: usize) -> Self {
        Self { bits, shift: 0 }
    }

    #[inline]
    pub(super) const fn bits(self) -> usize {
        self.bits
    }

    /// Goes on by a step to the position `at`. Beyond the last bit, steps are forgotten.
    #[inline]
    pub(super) fn push(&mut self, at: usize) {
        self.bits |= at.checked_shl(self.shift).unwrap_or(0);
        self.shift += STEP;
    }

    /// Whether no step that was pushed is forgotten.
    #[inline]
    pub(super) const fn is_whole(self) -> bool {
        self.shift <= usize::BITS
    }

    /// The next step.
    #[inline]
    pub(super) fn step(&mut self) -> usize {
        let at = self.bits & ((1 << STEP) - 1);
        self.bits >>= STEP;
        at
    }
}
