//! Failing on demand.

/// Strikes once, at the n-th time from when it was set.
#[derive(Debug, Default)]
pub(super) struct Countdown(usize);

impl Countdown {
    pub(super) const fn new() -> Self {
        Self(0)
    }

    /// The `n`-th time from now is the one; 0: none is.
    pub(super) fn set(&mut self, n: usize) {
        self.0 = n;
    }

    /// Counts one time; whether it is the one.
    pub(super) fn strikes(&mut self) -> bool {
        let strikes = self.0 == 1;
        self.0 = self.0.saturating_sub(1);
        strikes
    }
}
