//! Numbers that look random and are the same each time.

/// Splitmix: each state is as good as any other, and neighbours have nothing in common.
#[derive(Clone, Debug)]
pub struct Rng(u64);

/// The increment of splitmix: odd, and without a pattern in its bits.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    /// One of 0 to `n - 1`; 0 where there is none. `n` is small, so that no number is much likelier than others.
    pub fn below(&mut self, n: usize) -> usize {
        (((self.next() >> 32) * n as u64) >> 32) as usize
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(self.below(all.len())).copied()
    }

    /// Whether it happens, as it does once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// The seed of run `run`: that of all is `seed`.
pub fn sub_seed(seed: u64, run: u64) -> u64 {
    Rng::new(Rng::new(seed).next() ^ run.wrapping_mul(STEP)).next()
}
