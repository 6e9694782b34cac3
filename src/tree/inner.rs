//! An inner node: children in address order, with a copy of each child's [`Summary`].
//!
//! The copies are true whenever no edit is under way below the node. An edit that changes a child calls
//! [`refresh`](Inner::refresh) on its way up; between the two, only the edited child's copy may be old.
//!
//! For the children at positions 0 to the length:
//! - each child has a map at least, and all children are equally high;
//! - `highs` at a position is below `lows` at the next;
//! - `max_gaps` at 0 has no gap before it: that one belongs to a node above, or to none;
//! - `count` is the sum of `counts`, and `line_gaps` are the largest of eight gaps each: the node above reads few
//!   values.

use core::ops::Range;

use arrayvec::ArrayVec;

use super::keys::{self, Keys, LINE};
use super::owned::Owned;
use super::size::{INNER, INNER_LINES};
use super::summary::{Summarize, Summary};
use crate::area::MemoryArea;

/// Up to INNER children of type `N` in address order, and the facts by which a descent chooses among them.
///
/// The arrays run parallel: position `at` of each is about the child at `at`. Behind the last child `highs` and `lows`
/// hold `usize::MAX`, and `max_gaps` and `counts` hold 0, so sums and scans need not know the length.
pub(super) struct Inner<N: 'static> {
    /// The last byte of each child's maps: the keys of a search.
    highs: Keys<INNER_LINES>,
    /// The first byte of each child's maps.
    lows: [usize; INNER],
    /// The largest gap inside each child, or between it and the child before, in bytes.
    max_gaps: [usize; INNER],
    /// How many maps each child has.
    counts: [usize; INNER],
    /// The children, whose memory the node owns.
    children: ArrayVec<Owned<N>, INNER>,
    /// The largest of each line of `max_gaps`.
    line_gaps: [usize; INNER_LINES],
    /// The sum of `counts`.
    count: usize,
}

impl<N: Summarize> Inner<N> {
    /// An inner node without children: the first is inserted before the node joins a tree.
    pub(super) const fn new() -> Self {
        Self {
            highs: Keys::new(),
            lows: [usize::MAX; INNER],
            max_gaps: [0; INNER],
            counts: [0; INNER],
            children: ArrayVec::new_const(),
            line_gaps: [0; INNER_LINES],
            count: 0,
        }
    }

    /// How many children the node has.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.children.len()
    }

    /// The largest gap between two maps of the subtree, in bytes. O(1).
    pub(super) fn max_gap(&self) -> usize {
        self.line_gaps.iter().copied().fold(0, usize::max)
    }

    /// How many maps the subtree has. O(1).
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The position of the first child that does not end before `addr`. When all do, there may be no child at the
    /// answer, and no map of the subtree holds `addr`.
    #[inline]
    pub(super) fn search(&self, addr: usize) -> usize {
        self.highs.search(addr)
    }

    /// The position of the child where a map at `addr` belongs: the last child takes maps behind all others.
    #[inline]
    pub(super) fn position_for(&self, addr: usize) -> usize {
        self.search(addr).min(self.len().saturating_sub(1))
    }

    /// The first byte of the subtree's first map.
    #[inline]
    pub(super) fn low(&self) -> usize {
        self.child_low(0)
    }

    /// The last byte of the subtree's last map.
    #[inline]
    pub(super) fn high(&self) -> usize {
        self.child_high(self.len().saturating_sub(1))
    }

    /// The first byte of the maps of the child at `at`; `usize::MAX` when there is no child.
    #[inline]
    pub(super) fn child_low(&self, at: usize) -> usize {
        self.lows.get(at).copied().unwrap_or(usize::MAX)
    }

    /// The last byte of the maps of the child at `at`; `usize::MAX` when there is no child.
    #[inline]
    pub(super) fn child_high(&self, at: usize) -> usize {
        self.highs.get(at).unwrap_or(usize::MAX)
    }

    /// The largest gap inside the child at `at`, or between it and the child before, in bytes.
    pub(super) fn max_gap_at(&self, at: usize) -> usize {
        self.max_gaps.get(at).copied().unwrap_or(0)
    }

    /// The positions of the children whose gaps overlap `window`, inside them or before them. A window that reaches
    /// past all maps needs no search on that side.
    #[inline]
    pub(super) fn children_in(&self, window: MemoryArea) -> Range<usize> {
        let (start, end) = (window.start().get(), window.end().get());
        let first = if start <= self.low() {
            0
        } else {
            self.search(start)
        };
        let behind = if self.high() <= end {
            self.len()
        } else {
            self.search(end) + 1
        };
        first..behind
    }

    /// The positions in `range` that have a child, each with the largest gap inside or before that child.
    #[inline]
    pub(super) fn max_gaps_in(
        &self,
        range: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = (usize, usize)> {
        let range = range.start..range.end.min(self.len());
        let gaps = self.max_gaps.get(range.clone()).unwrap_or_default();
        range.zip(gaps.iter().copied())
    }

    /// How many maps each child has: their partial sums are ranks.
    pub(super) fn counts(&self) -> &[usize] {
        self.counts.get(..self.len()).unwrap_or_default()
    }

    /// The child at `at`.
    #[inline]
    pub(super) fn child(&self, at: usize) -> Option<&N> {
        self.children.get(at).map(|child| &**child)
    }

    /// The child at `at`, to be changed: the caller refreshes its copy afterwards.
    #[inline]
    pub(super) fn child_mut(&mut self, at: usize) -> Option<&mut N> {
        self.children.get_mut(at).map(|child| &mut **child)
    }

    /// The child at `left` and the one behind it, to be changed: the caller refreshes both copies afterwards.
    pub(super) fn pair_mut(&mut self, left: usize) -> Option<(&mut N, &mut N)> {
        match self.children.get_mut(left..left + 2) {
            Some([left, right]) => Some((&mut **left, &mut **right)),
            _ => None,
        }
    }

    /// Inserts `child` at `at`, with its copy. The caller has made room; without room, the child would be dropped.
    /// O(1).
    pub(super) fn insert_at(&mut self, at: usize, child: Owned<N>) {
        let len = self.len();
        if len < INNER && at <= len {
            self.children.insert(at, child);
            // The values of a child without maps, which the refresh replaces.
            self.highs.insert(at, [usize::MAX], len);
            keys::insert(&mut self.lows, at, [usize::MAX], len);
            keys::insert(&mut self.max_gaps, at, [0], len);
            keys::insert(&mut self.counts, at, [0], len);
            self.measure_all();
            self.refresh(at);
        } else {
            debug_assert!(false, "no room was made for a child");
        }
    }

    /// Removes the child at `at`. The child behind it has a wider gap before it then; the largest gap is scanned. O(1).
    pub(super) fn remove_at(&mut self, at: usize) -> Option<Owned<N>> {
        let len = self.len();
        let child = self.children.pop_at(at)?;
        self.count -= self.counts.get(at).copied().unwrap_or(0);
        self.highs.remove(at..at + 1, len);
        keys::remove(&mut self.lows, at..at + 1, len, usize::MAX);
        keys::remove(&mut self.max_gaps, at..at + 1, len, 0);
        keys::remove(&mut self.counts, at..at + 1, len, 0);
        // The child behind has come to this position, and has another child before it, or none.
        if let Some(gap) = self.child(at).map(|child| child.summary().max_gap) {
            self.set_max_gap(at, gap);
        }
        self.measure_all();
        Some(child)
    }

    /// Copies the summary of the child at `at`, after the child has changed. Answers whether the child is sparse.
    ///
    /// The gap before the next child depends on this child's end, so it follows. O(1).
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
        // Most edits leave the subtree's last byte alone: then the keys and the gap behind it stay as they are.
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

    /// Whether the keys and the largest gap agree with the node's own arrays. For audits.
    pub(super) fn is_sound(&self) -> bool {
        let lines = self.max_gaps.chunks(LINE).map(largest);
        self.highs.is_sound(self.len()) && lines.eq(self.line_gaps)
    }

    /// Sets the largest gap of the child at `at`, from the largest gap `inside` it and the gap before it. The node's
    /// largest follows.
    #[inline]
    fn set_max_gap(&mut self, at: usize, inside: usize) {
        let between = match at.checked_sub(1) {
            Some(left) => self
                .child_low(at)
                .saturating_sub(self.child_high(left))
                .saturating_sub(1),
            None => 0,
        };
        if let Some(gap) = self.max_gaps.get_mut(at) {
            *gap = inside.max(between);
        }
        let line = at - at % LINE;
        if let (Some(gaps), Some(place)) = (
            self.max_gaps.get(line..line + LINE),
            self.line_gaps.get_mut(at / LINE),
        ) {
            *place = largest(gaps);
        }
    }

    /// Makes the largest gap of each line true again. O(1).
    fn measure_all(&mut self) {
        let lines = self.max_gaps.chunks(LINE).map(largest);
        let places = self.line_gaps.iter_mut();
        places.zip(lines).for_each(|(place, gap)| *place = gap);
    }

    /// Moves the children from `at` on to the front of `right`, which has room. O(1) for each child that moves.
    pub(super) fn move_tail(&mut self, at: usize, right: &mut Self) {
        while self.len() > at {
            let Some(child) = self.remove_at(self.len() - 1) else {
                return;
            };
            right.insert_at(0, child);
        }
        right.refresh_all();
    }

    /// Moves all children to the end of `left`, which has room. The node is empty then. O(1) for each child.
    pub(super) fn merge_into(&mut self, left: &mut Self) {
        while let Some(child) = self.remove_at(0) {
            left.insert_at(left.len(), child);
        }
    }

    /// Copies the summaries of all children. Those that came in by the front had no gap before them as they came.
    fn refresh_all(&mut self) {
        for at in 0..self.len() {
            self.refresh(at);
        }
    }
}

/// The largest of some gaps; those of children that are not there are 0.
#[inline]
fn largest(gaps: &[usize]) -> usize {
    gaps.iter().copied().fold(0, usize::max)
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use alloc::boxed::Box;

    use super::{INNER, Inner, LINE, Owned, Summarize, Summary};

    /// A child that is what it says of itself.
    struct Child(usize);

    impl Summarize for Child {
        fn summary(&self) -> Summary {
            Summary {
                low: self.0 * 0x100 + 0x10,
                high: self.0 * 0x100 + 0xef,
                count: self.0 + 3,
                max_gap: 0x18 + 8 * (self.0 % 3),
                is_sparse: false,
            }
        }
    }

    fn node(children: usize) -> Inner<Child> {
        let mut node = Inner::new();
        for at in 0..children {
            node.insert_at(at, Owned::Fixed(Box::leak(Box::new(Child(at)))));
        }
        node
    }

    fn is_found(change: impl Fn(&mut Inner<Child>)) -> bool {
        let mut node = node(LINE - 1);
        change(&mut node);
        let mut children = 0..node.len();
        node.audit().is_err() || children.any(|at| node.audit_child(at).is_err())
    }

    #[test]
    fn the_audit_finds_each_number_that_is_wrong() {
        assert!(!is_found(|_| ()));
        for at in 0..LINE - 1 {
            assert!(is_found(|node| node.lows[at] += 1), "low {at}");
            assert!(is_found(|node| node.lows[at] -= 1), "low {at}");
            let high = |node: &Inner<Child>| node.child_high(at);
            assert!(is_found(|node| node.highs.set(at, high(node) + 1)), "{at}");
            assert!(is_found(|node| node.highs.set(at, high(node) - 1)), "{at}");
            assert!(is_found(|node| node.counts[at] += 1), "count {at}");
            assert!(
                is_found(|node| {
                    node.counts[at] += 1;
                    node.count += 1;
                }),
                "count {at} and sum"
            );
            let wider = |node: &mut Inner<Child>| {
                node.max_gaps[at] += 0x1000;
                node.measure_all();
            };
            assert!(is_found(wider), "gap {at}");
            let narrower = |node: &mut Inner<Child>| {
                node.max_gaps[at] -= 1;
                node.measure_all();
            };
            assert!(is_found(narrower), "gap {at}");
        }
        assert!(is_found(|node| node.count += 1));
        assert!(is_found(|node| node.line_gaps[0] += 1));
        assert!(is_found(|node| node.line_gaps[0] -= 1));
        assert!(is_found(|node| node.highs.set(LINE - 1, 0xffff)));
    }

    #[test]
    fn the_audit_wants_a_child_and_children_in_order() {
        assert!(node(0).audit().is_err());
        assert!(node(1).audit().is_ok());
        assert!(node(INNER).audit().is_ok());
        let mut node = node(2);
        // Both as they say, but the one behind the other comes first.
        node.insert_at(1, Owned::Fixed(Box::leak(Box::new(Child(2)))));
        assert!((0..3).any(|at| node.audit_child(at).is_err()));
    }
}
