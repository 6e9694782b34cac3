//! An inner node: children in address order, and what is known of each.

use core::ops::Range;

use arrayvec::ArrayVec;

use super::keys::{self, Keys};
use super::max_gap::MaxGap;
use super::owned::Owned;
use super::size::{INNER, INNER_LINES};
use super::summary::{Summarize, Summary};

/// Children in address order, each with the first and last byte of its maps, their number, and the largest gap inside
/// it or between it and the child before, in bytes.
pub(super) struct Inner<N: 'static> {
    highs: Keys<INNER_LINES>,
    lows: [usize; INNER],
    max_gaps: [usize; INNER],
    counts: [usize; INNER],
    children: ArrayVec<Owned<N>, INNER>,
    /// The largest of `max_gaps`.
    max_gap: MaxGap,
    /// The sum of `counts`.
    count: usize,
}

impl<N: Summarize> Inner<N> {
    pub(super) const fn new() -> Self {
        Self {
            highs: Keys::new(),
            lows: [usize::MAX; INNER],
            max_gaps: [0; INNER],
            counts: [0; INNER],
            children: ArrayVec::new_const(),
            max_gap: MaxGap::new(),
            count: 0,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.children.len()
    }

    pub(super) const fn max_gap(&self) -> usize {
        self.max_gap.get()
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The position of the first child that does not end before `addr`; maybe the length.
    #[inline]
    pub(super) fn search(&self, addr: usize) -> usize {
        self.highs.search(addr)
    }

    /// The same, or the last child when all end before `addr`: where a map at `addr` belongs.
    #[inline]
    pub(super) fn position_for(&self, addr: usize) -> usize {
        self.search(addr).min(self.len().saturating_sub(1))
    }

    #[inline]
    pub(super) fn low(&self) -> usize {
        self.child_low(0)
    }

    #[inline]
    pub(super) fn high(&self) -> usize {
        self.child_high(self.len().saturating_sub(1))
    }

    #[inline]
    pub(super) fn child_low(&self, at: usize) -> usize {
        self.lows.get(at).copied().unwrap_or(usize::MAX)
    }

    #[inline]
    pub(super) fn child_high(&self, at: usize) -> usize {
        self.highs.get(at).unwrap_or(usize::MAX)
    }

    /// The largest gap inside the child or between it and the one before.
    pub(super) fn max_gap_at(&self, at: usize) -> usize {
        self.max_gaps.get(at).copied().unwrap_or(0)
    }

    /// The largest gaps inside or before the children at `range`, as far as there are any, with their positions.
    #[inline]
    pub(super) fn max_gaps_in(
        &self,
        range: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = (usize, usize)> {
        let range = range.start..range.end.min(self.len());
        let gaps = self.max_gaps.get(range.clone()).unwrap_or_default();
        range.zip(gaps.iter().copied())
    }

    pub(super) fn max_gaps(&self) -> &[usize] {
        self.max_gaps.get(..self.len()).unwrap_or_default()
    }

    pub(super) fn counts(&self) -> &[usize] {
        self.counts.get(..self.len()).unwrap_or_default()
    }

    #[inline]
    pub(super) fn child(&self, at: usize) -> Option<&N> {
        self.children.get(at).map(|child| &**child)
    }

    #[inline]
    pub(super) fn child_mut(&mut self, at: usize) -> Option<&mut N> {
        self.children.get_mut(at).map(|child| &mut **child)
    }

    /// Two children that follow each other.
    pub(super) fn pair_mut(&mut self, left: usize) -> Option<(&mut N, &mut N)> {
        match self.children.get_mut(left..left + 2) {
            Some([left, right]) => Some((&mut **left, &mut **right)),
            _ => None,
        }
    }

    /// Puts `child` at `at`; there is room.
    pub(super) fn insert_at(&mut self, at: usize, child: Owned<N>) {
        let len = self.len();
        if len < INNER && at <= len {
            self.children.insert(at, child);
            self.highs.insert(at, [usize::MAX], len);
            keys::insert(&mut self.lows, at, [usize::MAX], len);
            keys::insert(&mut self.max_gaps, at, [0], len);
            keys::insert(&mut self.counts, at, [0], len);
            self.refresh(at);
        } else {
            debug_assert!(false, "no room was made for a child");
        }
    }

    /// Takes the child at `at` out.
    pub(super) fn remove_at(&mut self, at: usize) -> Option<Owned<N>> {
        let len = self.len();
        let child = self.children.pop_at(at)?;
        self.count -= self.counts.get(at).copied().unwrap_or(0);
        self.highs.remove(at..at + 1, len);
        keys::remove(&mut self.lows, at..at + 1, len, usize::MAX);
        keys::remove(&mut self.max_gaps, at..at + 1, len, 0);
        keys::remove(&mut self.counts, at..at + 1, len, 0);
        if let Some(gap) = self.child(at).map(|child| child.summary().max_gap) {
            self.set_max_gap(at, gap);
        }
        self.max_gap = MaxGap::of(self.scan_max_gap());
        Some(child)
    }

    /// Takes over what the child at `at` says of itself, after it has changed. Answers whether it is sparse.
    #[inline]
    pub(super) fn refresh(&mut self, at: usize) -> bool {
        let Some(Summary {
            low,
            high,
            count,
            max_gap,
            is_sparse,
        }) = self.child(at).map(N::summary)
        else {
            return false;
        };
        if let (Some(old_low), Some(old_count)) = (self.lows.get_mut(at), self.counts.get_mut(at)) {
            *old_low = low;
            self.count = self.count - *old_count + count;
            *old_count = count;
        }
        let moved = self.child_high(at) != high;
        if moved {
            self.highs.set(at, high);
        }
        self.set_max_gap(at, max_gap);
        if let Some(gap) = self
            .child(at + 1)
            .filter(|_| moved)
            .map(|child| child.summary().max_gap)
        {
            self.set_max_gap(at + 1, gap);
        }
        is_sparse
    }

    /// Whether the keys are as the children are.
    pub(super) fn is_sound(&self) -> bool {
        self.highs.is_sound(self.len()) && self.max_gap.is_sound(self.max_gaps().iter().copied())
    }

    /// Keeps the gap of the child at `at`, in which `inside` is the largest, true, and the largest of all.
    #[inline]
    fn set_max_gap(&mut self, at: usize, inside: usize) {
        let between = match at.checked_sub(1) {
            Some(left) => self
                .child_low(at)
                .saturating_sub(self.child_high(left))
                .saturating_sub(1),
            None => 0,
        };
        let new = inside.max(between);
        let Some(gap) = self.max_gaps.get_mut(at) else {
            return;
        };
        let old = core::mem::replace(gap, new);
        if old == new {
            return;
        }
        let mut gap = self.max_gap;
        gap.update((old, 0), (new, 0), || self.scan_max_gap());
        self.max_gap = gap;
    }

    /// The largest gap of all, looked for. The gaps of children that are not there are 0.
    fn scan_max_gap(&self) -> usize {
        self.max_gaps.iter().copied().fold(0, usize::max)
    }

    /// Moves the children from `at` on to the front of `right`, which has room.
    pub(super) fn move_tail(&mut self, at: usize, right: &mut Self) {
        while self.len() > at {
            let Some(child) = self.remove_at(self.len() - 1) else {
                return;
            };
            right.insert_at(0, child);
        }
        right.refresh_all();
    }

    /// Moves all children to the end of `left`, which has room.
    pub(super) fn merge_into(&mut self, left: &mut Self) {
        while let Some(child) = self.remove_at(0) {
            left.insert_at(left.len(), child);
        }
    }

    fn refresh_all(&mut self) {
        for at in 0..self.len() {
            self.refresh(at);
        }
    }
}
