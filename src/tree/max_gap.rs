//! The largest of some gaps, kept true while they change.
//!
//! A node would have to scan its gaps after each edit to know the largest. It remembers the second largest as well: as
//! long as an edit leaves one of the two alone, or brings a larger gap, the largest is known without a scan.
//!
//! ```text
//! gaps 3 9 5 7     max 9, runner-up 7
//! 9 becomes 1      max 7, runner-up unknown
//! 7 becomes 2      neither is known: one scan finds max 5
//! ```

/// The largest gap of a node in bytes, and the second largest where that is known.
#[derive(Clone, Copy, Default)]
pub(super) struct MaxGap {
    /// The largest gap; 0 when there is none.
    gap: usize,
    /// The largest of the other gaps, equal to `gap` where two are equally large. `None` when it is not known.
    runner_up: Option<usize>,
}

/// The two largest of the gaps that one edit changes, in bytes, the larger first. A gap that is not there is 0.
pub(super) type Pair = (usize, usize);

/// Sorts two gaps into a pair, the larger first.
#[inline]
pub(super) const fn pair(one: usize, other: usize) -> Pair {
    if one < other {
        (other, one)
    } else {
        (one, other)
    }
}

impl MaxGap {
    /// The largest of no gaps.
    pub(super) const fn new() -> Self {
        Self {
            gap: 0,
            runner_up: Some(0),
        }
    }

    /// The largest gap in bytes.
    #[inline]
    pub(super) const fn get(self) -> usize {
        self.gap
    }

    /// Follows an edit: `before` and `after` are the two largest of the gaps that it changed, before it and after it.
    /// `all` scans all gaps as they are now, and is called when neither remembered gap helps. O(1) otherwise.
    #[inline]
    pub(super) fn update(&mut self, before: Pair, after: Pair, all: impl FnOnce() -> usize) {
        // The largest of the gaps that did not change, and the second of those.
        let (kept, second) = if before.0 < self.gap {
            (
                Some(self.gap),
                self.runner_up.filter(|&runner_up| before.0 < runner_up),
            )
        } else {
            (
                self.runner_up.filter(|&runner_up| before.1 < runner_up),
                None,
            )
        };
        *self = match kept {
            Some(kept) if after.0 >= kept => Self {
                gap: after.0,
                runner_up: Some(kept.max(after.1)),
            },
            Some(kept) => Self {
                gap: kept,
                runner_up: second.map(|second| second.max(after.0)),
            },
            None => Self::of(all()),
        };
    }

    /// The largest gap as a scan has found it; the runner-up is not known.
    pub(super) const fn of(gap: usize) -> Self {
        Self {
            gap,
            runner_up: None,
        }
    }

    /// Whether the remembered gaps are true of `gaps`, all there are. O(number of gaps); for audits.
    pub(super) fn is_sound(self, gaps: impl Iterator<Item = usize>) -> bool {
        let (first, second) = gaps.fold((0, 0), |(first, second), gap| {
            if gap >= first {
                (gap, first)
            } else {
                (first, second.max(gap))
            }
        });
        self.gap == first && self.runner_up.is_none_or(|runner_up| runner_up == second)
    }
}
