//! Cuts: all that lies in an area is taken out of the tree.
//!
//! A map that crosses a border of the area is split there. The parts inside the area, and all maps between, leave the
//! tree in address order. The tree's own page walks through one cut step by step.
//!
//! In one leaf, a cut is one of three cases:
//!
//! ```text
//! area          |-----|
//! punch      |-----map-----|                 one map more: the only case that needs room
//! one map       |-map-|                      or a map that ends with the area and begins in it
//! any        |-map-|  |map| |-map-|          a tail, whole maps, a head, as far as there are any
//! ```

use super::leaf::Leaf;
use super::max_gap::pair;
use super::room::Relief;
use super::spot::Spot;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::map::{Payload, VirtualMemoryMap};

impl<T: Payload> Tree<T> {
    /// Takes all that lies in `area` out, cut at its borders, and hands it to `sink` in address order. O(log n) for
    /// each leaf, and O(1) for each map.
    ///
    /// `spot` is the answer of [`reserve_cut`](Self::reserve_cut), or [`Spot::Tight`] after another reservation. Nodes
    /// need to be set aside only where one map reaches past both borders of `area`.
    ///
    /// When `sink` or a payload panics, the tree is sound: it may still have maps in `area`.
    pub(crate) fn cut(
        &mut self,
        area: MemoryArea,
        mut spot: Spot,
        mut sink: impl FnMut(VirtualMemoryMap<T>),
    ) {
        if matches!(spot, Spot::Tight) && self.reaches_past(area) {
            // No neighbour takes maps for the cut: a move may have counted on that neighbour's room. Where a move has
            // set no node aside, the leaf holds one map more than FULL, until the other part of the cut map goes.
            self.make_room(area.start().get(), 1, Relief::Ascending);
        }
        // The spot is about the first leaf. Each further leaf is searched for by its first byte in the area.
        let mut rest = Some(area);
        while let Some(area) = rest {
            let spot = core::mem::replace(&mut spot, Spot::Roomy);
            let high = self.edit_at(spot, area.start().get(), |leaf, at| {
                leaf.cut(area, at, &mut sink)
            });
            rest = high.and_then(|high| behind(area, high));
        }
    }

    /// Takes the first map of the tree out; `None` when there is none. O(log n).
    pub(crate) fn take_front(&mut self) -> Option<VirtualMemoryMap<T>> {
        self.edit(0, |leaf, _| {
            let old = leaf.gap_before(1);
            let first = leaf.remove_at(0);
            leaf.update_max_gap((old, 0), (0, 0));
            first
        })?
    }

    /// Takes the first map that has a byte in `area` out, cut at the borders of `area`. O(log n).
    pub(crate) fn take_first(&mut self, area: MemoryArea) -> Option<VirtualMemoryMap<T>> {
        let piece = self.first_overlap(area)?.intersection(area)?;
        let mut first = None;
        self.cut(piece, Spot::Tight, |map| first = Some(map));
        first
    }
}

impl<T> Tree<T> {
    /// Whether one map reaches past `area` on both sides, so that a cut leaves one map more. O(log n).
    pub(super) fn reaches_past(&self, area: MemoryArea) -> bool {
        let map = self.successor(area.start()).map(|map| map.vmarea());
        map.is_some_and(|map| map.start() < area.start() && area.end() < map.end())
    }
}

/// The part of `area` that lies behind a leaf whose last byte is `high`: the next leaf's part.
///
/// `None` when `area` ends in the leaf. A leaf that ends before `area` begins is the last of the tree: `None` as well.
pub(super) fn behind(area: MemoryArea, high: usize) -> Option<MemoryArea> {
    let next = Some(high)
        .filter(|&high| high >= area.start().get())
        .and_then(|high| high.checked_add(1))?;
    MemoryArea::new(VirtAddr::new(next), area.end()).ok()
}

impl<T: Payload> Leaf<T> {
    /// Takes the leaf's share of `area` out, whose start is or would be at `at`. Answers the last byte of the leaf as
    /// it was before.
    ///
    /// Two cases have short ways of their own: an area inside one map, and an area whose only map lies in it whole and
    /// ends with it.
    fn cut(
        &mut self,
        area: MemoryArea,
        at: usize,
        sink: &mut impl FnMut(VirtualMemoryMap<T>),
    ) -> usize {
        let (start, end) = (area.start().get(), area.end().get());
        let high = self.high();
        let (low, last) = (self.start(at), self.end(at));
        // The map at this position, or none at all, begins behind the area: the leaf has nothing in it.
        if low > end {
            return high;
        }
        if low < start && end < last {
            let middle = self.punch(at, area);
            // One gap has come, of the area's size, and none has gone: the map filled it.
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

    /// Takes the leaf's share of `area` out, any part of any number of maps: the tail of the map at `first`, maps that
    /// lie inside whole, and the head of the next.
    ///
    /// `area` begins in or before the map at `first`, and does not end inside it unless it covers that map's first
    /// byte.
    fn cut_from(
        &mut self,
        first: usize,
        area: MemoryArea,
        sink: &mut impl FnMut(VirtualMemoryMap<T>),
    ) {
        let (start, end) = (area.start().get(), area.end().get());
        // The maps at `from..to` lie inside whole. The map before them may lose its tail, the map behind its head.
        let from = first + usize::from(self.start(first) < start);
        let mut to = from;
        while to < self.len() && self.end(to) <= end {
            to += 1;
        }
        let before = self.gap_before(first);
        let old = match to - first {
            0 => (before, 0),
            1 => pair(before, self.gap_before(to)),
            // Of three gaps and more, only the largest is looked for: two of them may be as large.
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
        // All gaps in the area are one gap now; a map that stays at `first` has a gap before it as well.
        let after = if first == from {
            (self.gap_before(from), 0)
        } else {
            self.gaps_at(first)
        };
        self.update_max_gap(old, after);
    }
}
