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
        self.edit(0, |leaf, _| leaf.remove_at(0))?
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
            self.punch(at, area).into_iter().for_each(sink);
        } else if low >= start && last == end {
            self.remove_at(at).into_iter().for_each(sink);
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
        let mut at = first;
        if self.start(at) < start {
            self.cut_tail(at, start).into_iter().for_each(&mut *sink);
            at = self.after(at);
        }
        at = self.drain_through(at, end, &mut *sink);
        if self.start(at) <= end && self.has(at) {
            self.cut_head(at, end + 1).into_iter().for_each(sink);
        }
    }
}
