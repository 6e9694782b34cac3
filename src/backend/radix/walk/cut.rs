//! An area within one table, cut where whole slots begin and end.

use core::ops::Range;

use super::fit::Fit;
use super::table::{index, span};
use crate::addr::VirtAddr;
use crate::area::MemoryArea;

/// An area that lies within one table, cut in three: slots that it covers, and the parts of slots before and behind.
///
/// ```text
///  slots  │         │         │         │         │
///  area        █████████████████████████████
///              ├head┤├────── body ─────┤├tail┤
/// ```
///
/// A run gets leaves in its body, where they fit, and tables below its ends. Writing, filling and counting all ask
/// this value, so they agree on which is which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    head: Option<MemoryArea>,
    /// The number of the first slot that is covered.
    first: usize,
    /// The number of slots that are covered.
    count: usize,
    /// The addresses that those slots span.
    pub(crate) body: Option<MemoryArea>,
    tail: Option<MemoryArea>,
}

impl Cut {
    /// The cut of `area`, which lies within one table at `level`. O(1).
    #[inline]
    pub(crate) const fn new(area: MemoryArea, level: usize) -> Self {
        let mask = span(level) - 1;
        let (start, end) = (area.start().get(), area.end().get());
        let (cuts_head, cuts_tail) = (start & mask != 0, end & mask != mask);
        if (cuts_head || cuts_tail) && start | mask == end | mask {
            return Self::without_body(area);
        }
        // Those two slots are not the same one: there is an address behind the one, and one before the other.
        let (head_end, tail_start) = (start | mask, end & !mask);
        let first = if cuts_head { head_end + 1 } else { start };
        let last = if cuts_tail { tail_start - 1 } else { end };
        let has_body = first <= last;
        Self {
            head: piece(cuts_head, start, head_end),
            first: index(VirtAddr::new(first), level),
            count: if has_body {
                (last - first) / span(level) + 1
            } else {
                0
            },
            body: piece(has_body, first, last),
            tail: piece(cuts_tail, tail_start, end),
        }
    }

    /// The cut of `area` for the leaves of a run. It has a body only where leaves at `level` fit: elsewhere, all of the
    /// area belongs in tables below. O(1).
    #[inline]
    pub(crate) const fn for_leaves(area: MemoryArea, fit: Fit, level: usize) -> Self {
        if fit.has_leaves(level) {
            Self::new(area, level)
        } else {
            Self::without_body(area)
        }
    }

    #[inline]
    const fn without_body(area: MemoryArea) -> Self {
        Self {
            head: Some(area),
            first: 0,
            count: 0,
            body: None,
            tail: None,
        }
    }

    /// The parts before and behind the body, those that there are.
    #[inline]
    pub(crate) fn ends(self) -> impl Iterator<Item = MemoryArea> {
        [self.head, self.tail].into_iter().flatten()
    }

    /// The numbers of the slots that are covered.
    #[inline]
    pub(crate) const fn slots(self) -> Range<usize> {
        self.first..self.first + self.count
    }
}

const fn piece(is_there: bool, start: usize, end: usize) -> Option<MemoryArea> {
    if is_there {
        Some(MemoryArea::bounds(start, end))
    } else {
        None
    }
}
