//! Taking out what lies in an area.

use super::leaf::Leaf;
use super::max_gap::pair;
use super::room::Relief;
use super::spot::Spot;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::map::{Payload, VirtualMemoryMap};

impl<T: Payload> Tree<T> {
    /// Takes out what lies in `area`, cut at its borders, in order, for `sink`. Reserved, unless no map reaches past
    /// both borders; `spot` is the answer of [`reserve_cut`](Self::reserve_cut), or nothing.
    ///
    /// When `sink` or a payload panics, the tree is sound: it may still have maps in `area`.
    pub(crate) fn cut(
        &mut self,
        area: MemoryArea,
        mut spot: Spot,
        mut sink: impl FnMut(VirtualMemoryMap<T>),
    ) {
        if matches!(spot, Spot::Tight) && self.reaches_past(area) {
            // No neighbour takes maps for it: a move may have counted on that neighbour's room. Where a move has set no node
            // aside, the leaf holds one map more than it should, until the other part of the cut map goes.
            self.make_room(area.start().get(), 1, Relief::Ascending);
        }
        let mut rest = Some(area);
        while let Some(area) = rest {
            let spot = core::mem::replace(&mut spot, Spot::Roomy);
            let high = self.edit_at(spot, area.start().get(), |leaf, at| {
                leaf.cut(area, at, &mut sink)
            });
            rest = high.and_then(|high| behind(area, high));
        }
    }

    /// Takes the first map out.
    pub(crate) fn take_front(&mut self) -> Option<VirtualMemoryMap<T>> {
        self.edit(0, |leaf, _| {
            let old = leaf.gap_before(1);
            let first = leaf.remove_at(0);
            leaf.update_max_gap((old, 0), (0, 0));
            first
        })?
    }

    /// Takes the first map that has a byte in `area` out, cut at its borders.
    pub(crate) fn take_first(&mut self, area: MemoryArea) -> Option<VirtualMemoryMap<T>> {
        let piece = self.first_overlap(area)?.intersection(area)?;
        let mut first = None;
        self.cut(piece, Spot::Tight, |map| first = Some(map));
        first
    }
}

impl<T> Tree<T> {
    /// Whether one map reaches past `area` on both sides.
    pub(super) fn reaches_past(&self, area: MemoryArea) -> bool {
        let map = self.successor(area.start()).map(|map| map.vmarea());
        map.is_some_and(|map| map.start() < area.start() && area.end() < map.end())
    }
}

/// What `area` has behind a leaf that ends with the byte at `high`: that is in the next leaf. A leaf that ends before
/// `area` is the last.
pub(super) fn behind(area: MemoryArea, high: usize) -> Option<MemoryArea> {
    let next = Some(high)
        .filter(|&high| high >= area.start().get())
        .and_then(|high| high.checked_add(1))?;
    MemoryArea::new(VirtAddr::new(next), area.end()).ok()
}

impl<T: Payload> Leaf<T> {
    /// Takes out what lies in `area`, whose start is or would be at `at`, in this leaf. Answers the leaf's last byte
    /// before that.
    fn cut(
        &mut self,
        area: MemoryArea,
        at: usize,
        sink: &mut impl FnMut(VirtualMemoryMap<T>),
    ) -> usize {
        let (start, end) = (area.start().get(), area.end().get());
        let high = self.high();
        let (low, last) = (self.start(at), self.end(at));
        if low > end {
            return high;
        }
        if low < start && end < last {
            let middle = self.punch(at, area);
            self.update_max_gap((0, 0), (area.size(), 0));
            middle.into_iter().for_each(sink);
        } else if low >= start && last == end {
            let old = self.gaps_at(at);
            let whole = self.remove_at(at);
            self.update_max_gap(old, (self.gap_before(at), 0));
            whole.into_iter().for_each(sink);
        } else {
            self.cut_from(at, area, sink);
        }
        high
    }

    /// Takes out what lies in `area`, which begins in or before the map at `first`, and does not end inside it unless it
    /// covers its start.
    fn cut_from(
        &mut self,
        first: usize,
        area: MemoryArea,
        sink: &mut impl FnMut(VirtualMemoryMap<T>),
    ) {
        let (start, end) = (area.start().get(), area.end().get());
        let from = first + usize::from(self.start(first) < start);
        let mut to = from;
        while to < self.len() && self.end(to) <= end {
            to += 1;
        }
        let before = self.gap_before(first);
        let old = match to - first {
            0 => (before, 0),
            1 => pair(before, self.gap_before(to)),
            // Of more gaps only the largest is known, which may be there twice.
            _ => {
                let largest = self.max_gap_in(first..to + 1);
                (largest, largest)
            }
        };
        if first < from {
            self.cut_tail(first, start).into_iter().for_each(&mut *sink);
        }
        if to == from + 1 {
            self.remove_at(from).into_iter().for_each(&mut *sink);
        } else {
            self.drain(from..to, &mut *sink);
        }
        if from < self.len() && self.start(from) <= end {
            self.cut_head(from, end + 1).into_iter().for_each(sink);
        }
        let after = if first == from {
            (self.gap_before(from), 0)
        } else {
            self.gaps_at(first)
        };
        self.update_max_gap(old, after);
    }
}
