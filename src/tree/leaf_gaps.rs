//! The gaps of a leaf: the largest before a map of each line.
//!
//! An edit looks at the gaps that it changes, and at all of a line where the largest may have become smaller: a scan of
//! few slots, without a branch. No gap of another line is looked at.
//!
//! ```text
//! gaps of a line     3 9 5 7      largest 9
//! 5 becomes 8                     9: it was not the largest
//! 7 becomes 12                    12: it is the largest now
//! 12 becomes 1                    a scan finds 9
//! ```

use core::ops::Range;

use super::leaf::{Leaf, pilots};
use super::size::{LEAF_LINES, SLOTS};
use crate::area::MemoryArea;

impl<T> Leaf<T> {
    /// The largest gap between two maps of the leaf, in bytes. O(1), without a branch.
    pub(super) fn max_gap(&self) -> usize {
        self.gaps.iter().copied().fold(0, usize::max)
    }

    /// The lines with the gaps that overlap `window`: one before each map from the window's start to its end. A window
    /// that reaches past all maps needs no search on that side.
    #[inline]
    pub(super) fn lines_in(&self, window: MemoryArea) -> Range<usize> {
        let (start, end) = (window.start().get(), window.end().get());
        let first = if start <= self.low() {
            0
        } else {
            self.search(start) / SLOTS
        };
        let behind = if self.high() <= end {
            usize::from(self.used)
        } else {
            self.search(end) / SLOTS + 1
        };
        first..behind
    }

    /// The two addresses around each gap of `size` bytes or more before the maps of `lines`: the last byte of the map
    /// before, and the first byte of the map. Lines whose gaps are all smaller are passed over.
    pub(super) fn gaps_of(
        &self,
        lines: Range<usize>,
        size: usize,
    ) -> impl DoubleEndedIterator<Item = (usize, usize)> {
        let wide = lines.filter(move |&line| self.gaps.get(line).is_some_and(|&gap| gap >= size));
        let slots = wide.flat_map(|line| line * SLOTS..(line + 1) * SLOTS);
        // A free slot has an empty gap before it.
        let gaps = slots.map(|at| (self.end_before(at), self.start(at)));
        gaps.filter(move |(end, start)| start.wrapping_sub(*end) > size)
    }

    /// The largest gap before a map of `line`, by a look at each slot. O(1), without a branch.
    #[inline(never)]
    pub(super) fn gap_of(&self, line: usize) -> usize {
        let (Some(starts), Some(ends)) = (self.starts.get(line), self.ends.get(line)) else {
            return 0;
        };
        if line >= usize::from(self.used) {
            return 0;
        }
        let first = self
            .start(line * SLOTS)
            .wrapping_sub(self.end_before(line * SLOTS));
        // One more than each gap: no two maps overlap.
        largest_step(starts, ends, first) - 1
    }

    /// Makes the pilot true of `line`, after its maps have changed.
    #[inline]
    pub(super) fn steer(&mut self, line: usize) {
        if let (Some(pilot), Some(ends)) = (self.pilot.get_mut(line), self.ends.get(line)) {
            *pilot = pilots(ends);
        }
    }

    /// Makes the pilot and the largest gap true of `line`, after its maps have changed. O(1).
    #[inline]
    pub(super) fn measure(&mut self, line: usize) {
        self.steer(line);
        let gap = self.gap_of(line);
        if let Some(place) = self.gaps.get_mut(line) {
            *place = gap;
        }
    }

    /// Makes all pilots and gaps true.
    pub(super) fn measure_all(&mut self) {
        (0..LEAF_LINES).for_each(|line| self.measure(line));
    }

    /// The bytes between the map at `at` and the one before it; 0 for the first map, and where there is none.
    #[inline]
    pub(super) fn gap_before(&self, at: usize) -> usize {
        let gap = self
            .start(at)
            .wrapping_sub(self.end_before(at))
            .wrapping_sub(1);
        if self.has(at) { gap } else { 0 }
    }

    /// Follows a gap before the map at `at` that has become wider. Gaps of the line that have become one with it need
    /// no look: none of them was wider. O(1).
    #[inline]
    pub(super) fn widen(&mut self, at: usize) {
        let gap = self.gap_before(at);
        if let Some(largest) = self.gaps.get_mut(at / SLOTS) {
            *largest = gap.max(*largest);
        }
    }

    /// Follows a gap in the line of `at`, `old` bytes wide before, that has become smaller. O(1).
    #[inline]
    pub(super) fn narrow(&mut self, at: usize, old: usize) {
        if self
            .gaps
            .get(at / SLOTS)
            .is_some_and(|&largest| largest <= old)
        {
            self.measure(at / SLOTS);
        }
    }
}

/// The largest step from the end of a map of a line to the start of the next, or `first`, if that is larger.
///
/// Slots of even and of odd number have a maximum each: one for both is what the compiler finds with vectors, by twice
/// as many instructions.
#[inline]
#[expect(clippy::indexing_slicing, reason = "both numbers are less than SLOTS")]
fn largest_step(starts: &[usize; SLOTS], ends: &[usize; SLOTS], first: usize) -> usize {
    let mut largest = [first, 0];
    for slot in 1..SLOTS {
        let step = starts[slot].wrapping_sub(ends[slot - 1]);
        let largest = &mut largest[slot % 2];
        *largest = step.max(*largest);
    }
    largest[0].max(largest[1])
}
