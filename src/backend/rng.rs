//! Numbers that look random and are the same each time.

/// Marsaglia's xorshift with 64 bits of state.
#[derive(Debug)]
pub(super) struct Rng(u64);

impl Rng {
    /// The numbers that follow on `seed`; 0 is as good as any other.
    pub(super) const fn new(seed: u64) -> Self {
        Self(if seed == 0 { u64::MAX } else { seed })
    }

    #[inline]
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// One of 0 to `n - 1`.
    #[inline]
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::try_from((self.next() >> 16) % n.max(1) as u64).unwrap_or(0)
    }

    /// One of these.
    #[inline]
    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(self.below(all.len())).copied()
    }
}
