//! The largest of some gaps, kept true while they change.

/// The largest gap, and, where it is known, the largest of the others: most changes can do without looking at all gaps.
#[derive(Clone, Copy, Default)]
pub(super) struct MaxGap {
    gap: usize,
    runner_up: Option<usize>,
}

/// The two largest of the gaps that a change speaks of, the larger first; 0 for those that are not there.
pub(super) type Pair = (usize, usize);

/// The two gaps, the larger first.
#[inline]
pub(super) const fn pair(one: usize, other: usize) -> Pair {
    if one < other {
        (other, one)
    } else {
        (one, other)
    }
}

impl MaxGap {
    pub(super) const fn new() -> Self {
        Self {
            gap: 0,
            runner_up: Some(0),
        }
    }

    #[inline]
    pub(super) const fn get(self) -> usize {
        self.gap
    }

    /// Of the gaps that changed, `before` were and `after` are the largest. `all` looks at all gaps, as they are now.
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

    /// When all were looked at.
    pub(super) const fn of(gap: usize) -> Self {
        Self {
            gap,
            runner_up: None,
        }
    }

    /// Whether that is the largest, and the second is as it was thought to be, of these.
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
