//! The invariants of one node by itself: a leaf's maps, an inner node's copies.

use super::inner::Inner;
use super::leaf::Leaf;
use super::size::INNER;
use super::summary::Summarize;
use crate::area::MemoryArea;
use crate::violation::Violation;

/// The violation that names a node by its first and last byte.
pub(super) const fn wrong(low: usize, high: usize) -> Violation {
    Violation::Node {
        area: MemoryArea::bounds(low, high),
    }
}

impl<T> Leaf<T> {
    /// Checks the leaf's maps and keys: one map at least, no more than FULL, in order and apart. O(1).
    ///
    /// # Errors
    /// [`Violation::Unordered`] with the first two maps that overlap or stand in the wrong order; otherwise
    /// [`Violation::Node`] with the leaf's area.
    pub(super) fn audit(&self) -> Result<(), Violation> {
        let wrong = wrong(self.low(), self.high());
        let fail = |holds: bool| if holds { Ok(()) } else { Err(wrong) };
        fail(self.len() > 0 && self.has_room_for(0))?;
        fail(self.areas().all(|map| map.start() <= map.end()))?;
        let mut rights = self.areas().skip(1);
        let pairs = self.areas().zip(&mut rights);
        for (left, right) in pairs {
            if left.end() >= right.start() {
                return Err(Violation::Unordered { left, right });
            }
        }
        fail(self.is_sound())
    }
}

impl<N: Summarize> Inner<N> {
    /// Checks the node's own sums: one child at least, the count, the largest gap, the keys. O(1).
    ///
    /// # Errors
    /// [`Violation::Node`] with the node's area.
    pub(super) fn audit(&self) -> Result<(), Violation> {
        let is_filled = self.len() > 0 && self.len() <= INNER;
        let is_counted = self.count() == self.counts().iter().sum();
        if is_filled && is_counted && self.is_sound() {
            Ok(())
        } else {
            Err(wrong(self.low(), self.high()))
        }
    }

    /// Checks the copies that the node keeps of the child at `at` against the child, and its order behind the child
    /// before. O(1).
    ///
    /// # Errors
    /// [`Violation::Node`] with the node's area, also when there is no child at `at`.
    pub(super) fn audit_child(&self, at: usize) -> Result<(), Violation> {
        let wrong = wrong(self.low(), self.high());
        let child = self.child(at).ok_or(wrong)?.summary();
        // The bytes between two children; the first child of a node has none before it there.
        let between = match at.checked_sub(1).map(|left| self.child_high(left)) {
            Some(left) if left < self.child_low(at) => self.child_low(at) - left - 1,
            Some(_) => return Err(wrong),
            None => 0,
        };
        let holds = self.child_low(at) == child.low
            && self.child_high(at) == child.high
            && self.counts().get(at) == Some(&child.count)
            && self.max_gap_at(at) == child.max_gap.max(between);
        if holds { Ok(()) } else { Err(wrong) }
    }
}
