//! Failure on demand: the order to fail once, some time from now.

/// A counter that strikes once, at the n-th time from when it was set. Without an order it never strikes.
#[derive(Debug, Default)]
pub(super) struct Countdown(usize);

impl Countdown {
    pub(super) const fn new() -> Self {
        Self(0)
    }

    /// Orders a strike at the `n`-th time from now, in place of any order before; 0 takes the order back.
    pub(super) fn set(&mut self, n: usize) {
        self.0 = n;
    }

    /// Counts one time, and answers whether this is the time that was ordered.
    pub(super) fn strikes(&mut self) -> bool {
        let strikes = self.0 == 1;
        self.0 = self.0.saturating_sub(1);
        strikes
    }
}
