//! Taking out what lies in an area.

use super::leaf::Leaf;
use super::spot::Spot;
use super::store::Tree;
use super::widest::pair;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::map::{Payload, VirtualMemoryMap};

impl<T: Payload> Tree<T> {
    /// Takes out what lies in `area`, cut at its borders, in order, for `sink`. Reserved, unless no map crosses a
    /// border; `spot` is what [`reserve_cut`](Self::reserve_cut) has answered, or nothing.
    pub(crate) fn cut(
        &mut self,
        area: MemoryArea,
        mut spot: Spot,
        mut sink: impl FnMut(VirtualMemoryMap<T>),
    ) {
        let mut rest = Some(area);
        while let Some(area) = rest {
            let spot = core::mem::take(&mut spot);
            let high = self.edit_at(spot, area.start().get(), |leaf, at| {
                leaf.cut(area, at, &mut sink)
            });
            // What lies behind this leaf is in the next; behind the last there is nothing.
            let next = high
                .filter(|&high| high >= area.start().get())
                .and_then(|high| high.checked_add(1));
            rest = next.and_then(|next| MemoryArea::new(VirtAddr::new(next), area.end()).ok());
        }
    }

    /// Takes the first map out.
    pub(crate) fn take_front(&mut self) -> Option<VirtualMemoryMap<T>> {
        self.edit(0, |leaf, _| {
            let old = leaf.gap_before(1);
            let first = leaf.close(0);
            leaf.settle((old, 0), (0, 0));
            first
        })?
    }

    /// Takes the first map that has a byte in `area` out, cut at its borders.
    pub(crate) fn take_first(&mut self, area: MemoryArea) -> Option<VirtualMemoryMap<T>> {
        let piece = self.first_overlap(area)?.intersection(area)?;
        let mut first = None;
        self.cut(piece, Spot::default(), |map| first = Some(map));
        first
    }
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
            self.settle((0, 0), (area.size(), 0));
            middle.into_iter().for_each(sink);
        } else if low >= start && last == end {
            let old = self.gaps_at(at);
            let whole = self.close(at);
            self.settle(old, (self.gap_before(at), 0));
            whole.into_iter().for_each(sink);
        } else {
            self.cut_from(at, area, sink);
        }
        high
    }

    /// Takes out what lies in `area`, which begins in or before the map at `first`, and does not end inside it.
    fn cut_from(
        &mut self,
        first: usize,
        area: MemoryArea,
        sink: &mut impl FnMut(VirtualMemoryMap<T>),
    ) {
        let (start, end) = (area.start().get(), area.end().get());
        let before = self.gap_before(first);
        let mut from = first;
        if self.start(first) < start {
            self.split(first, start);
            from += 1;
        }
        let mut to = from;
        while to < self.len() && self.end(to) <= end {
            to += 1;
        }
        if to < self.len() && self.start(to) <= end {
            self.split(to, end + 1);
            to += 1;
        }
        let old = if to <= from + 1 {
            pair(before, self.gap_before(to))
        } else {
            // Of more gaps only the largest is known, which may be there twice.
            let largest = self.largest_gap(first..to + 1);
            (largest, largest)
        };
        if to == from + 1 {
            self.close(from).into_iter().for_each(sink);
        } else {
            self.drain(from..to, sink);
        }
        let after = if first == from {
            (self.gap_before(from), 0)
        } else {
            self.gaps_at(first)
        };
        self.settle(old, after);
    }
}
