//! A leaf: maps in address order.

use core::ops::Range;

use arrayvec::ArrayVec;

use super::keys::{Keys, LINE};
use super::max_gap::{MaxGap, Pair, pair};
use super::size::{FULL, LEAF, LEAF_LINES};
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::{Content, MapRef, Payload, VirtualMemoryMap};

/// Maps in address order. Their ends stand apart, so that searches read nothing else.
pub(super) struct Leaf<T> {
    ends: Keys<LEAF_LINES>,
    records: ArrayVec<Record<T>, LEAF>,
    /// The largest gap between two maps of this leaf, in bytes.
    max_gap: MaxGap,
}

/// A map without its end.
struct Record<T> {
    start: usize,
    content: Content<T>,
}

impl<T> Leaf<T> {
    /// Inlined, so that it is made where it will be: it may be more than a kernel stack.
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self {
            ends: Keys::new(),
            records: ArrayVec::new_const(),
            max_gap: MaxGap::new(),
        }
    }

    /// Whether this many maps more may stay here.
    #[inline]
    pub(super) fn has_room_for(&self, growth: usize) -> bool {
        self.len() + growth <= FULL
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) const fn max_gap(&self) -> usize {
        self.max_gap.get()
    }

    /// The position of the first map that does not end before `addr`; the length when there is none, unless the leaf
    /// is full: then the last.
    #[inline]
    pub(super) fn search(&self, addr: usize) -> usize {
        self.ends.search(addr)
    }

    /// As [`search`](Self::search), but the length for a full leaf as well.
    #[inline]
    pub(super) fn lower_bound(&self, addr: usize) -> usize {
        let at = self.search(addr);
        if self.end(at) < addr {
            self.len()
        } else {
            at.min(self.len())
        }
    }

    #[inline]
    pub(super) fn start(&self, at: usize) -> usize {
        self.records
            .get(at)
            .map_or(usize::MAX, |record| record.start)
    }

    #[inline]
    pub(super) fn end(&self, at: usize) -> usize {
        self.ends.get(at).unwrap_or(usize::MAX)
    }

    #[inline]
    pub(super) fn low(&self) -> usize {
        self.start(0)
    }

    #[inline]
    pub(super) fn high(&self) -> usize {
        self.end(self.len().saturating_sub(1))
    }

    #[inline]
    pub(super) fn area(&self, at: usize) -> MemoryArea {
        MemoryArea::bounds(self.start(at), self.end(at))
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<MapRef<'_, T>> {
        let record = self.records.get(at)?;
        let area = MemoryArea::bounds(record.start, self.end(at));
        Some(MapRef::new(area, &record.content))
    }

    /// What the map at `at` would be if it were at `area`.
    #[inline]
    pub(super) fn view_at(&self, at: usize, area: MemoryArea) -> Option<MapRef<'_, T>> {
        Some(MapRef::new(area, &self.records.get(at)?.content))
    }

    /// Whether keys and gaps are as the maps are.
    pub(super) fn is_sound(&self) -> bool {
        self.ends.is_sound(self.len())
            && self
                .max_gap
                .is_sound((1..self.len()).map(|at| self.gap_before(at)))
    }

    /// Whether nothing is in `area`, whose start is or would be at `at`.
    #[inline]
    pub(super) fn check_free(&self, area: MemoryArea, at: usize) -> Result<(), MapError> {
        if at < self.len() && self.start(at) <= area.end().get() {
            return Err(MapError::Overlap {
                existing: self.area(at),
            });
        }
        Ok(())
    }

    /// The map that holds `addr`.
    #[inline]
    pub(super) fn find(&self, addr: usize) -> Option<MapRef<'_, T>> {
        let at = if self.len() <= LINE {
            self.ends.search_first_line(addr)
        } else {
            self.search(addr)
        };
        self.find_at(at, addr)
    }

    /// The map at `at`, if it holds `addr`.
    #[inline]
    pub(super) fn find_at(&self, at: usize, addr: usize) -> Option<MapRef<'_, T>> {
        if self.start(at) <= addr && addr <= self.end(at) {
            self.get(at)
        } else {
            None
        }
    }

    /// The bytes between the map at `at` and the one before it in this leaf; 0 for the first and behind the last.
    #[inline]
    pub(super) fn gap_before(&self, at: usize) -> usize {
        match at.checked_sub(1) {
            Some(left) if at < self.len() => self
                .start(at)
                .saturating_sub(self.end(left))
                .saturating_sub(1),
            _ => 0,
        }
    }

    /// The end of the map before, and the start, of each of the maps at `range`, as far as there are any. The first map
    /// has none before it in this leaf.
    #[inline]
    pub(super) fn spans(
        &self,
        range: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = (usize, usize)> {
        let range = range.start..range.end.min(self.len());
        let before = range.start.saturating_sub(1)..range.end.saturating_sub(1);
        let ends = self.ends.all().get(before).unwrap_or_default();
        let records = self.records.get(range).unwrap_or_default();
        let starts = records.iter().map(|record| record.start);
        ends.iter().copied().zip(starts)
    }

    /// The largest of the gaps before the maps at `range`.
    pub(super) fn max_gap_in(&self, range: Range<usize>) -> usize {
        range.map(|at| self.gap_before(at)).max().unwrap_or(0)
    }

    /// The gaps before the maps at `at` and `at + 1`.
    #[inline]
    pub(super) fn gaps_at(&self, at: usize) -> Pair {
        pair(self.gap_before(at), self.gap_before(at + 1))
    }

    /// Keeps the largest gap true after a change: of the gaps that changed, `before` were and `after` are the largest.
    #[inline]
    pub(super) fn update_max_gap(&mut self, before: Pair, after: Pair) {
        let mut gap = self.max_gap;
        gap.update(before, after, || self.scan_max_gap());
        self.max_gap = gap;
    }

    /// Makes the largest gap true again, whatever has changed.
    pub(super) fn recompute_max_gap(&mut self) {
        self.max_gap = MaxGap::of(self.scan_max_gap());
    }

    /// The largest gap of all, looked for.
    fn scan_max_gap(&self) -> usize {
        let steps = self
            .records
            .iter()
            .skip(1)
            .zip(self.ends.all())
            .map(|(record, end)| record.start.wrapping_sub(*end));
        steps.fold(1, usize::max) - 1
    }

    #[inline]
    pub(super) fn set_start(&mut self, at: usize, start: usize) {
        if let Some(record) = self.records.get_mut(at) {
            record.start = start;
        }
    }

    #[inline]
    pub(super) fn set_end(&mut self, at: usize, end: usize) {
        self.ends.set(at, end);
    }

    #[inline]
    pub(super) fn content_mut(&mut self, at: usize) -> Option<&mut Content<T>> {
        self.records.get_mut(at).map(|record| &mut record.content)
    }

    /// Puts a map at `at`. There is room.
    #[inline]
    pub(super) fn insert_at(&mut self, at: usize, area: MemoryArea, content: Content<T>) {
        let len = self.len();
        let start = area.start().get();
        if at <= len
            && self
                .records
                .try_insert(at, Record { start, content })
                .is_ok()
        {
            self.ends.insert(at, [area.end().get()], len);
        } else {
            debug_assert!(false, "no room was made for a map");
        }
    }

    /// Puts two maps at `at`. There is room.
    #[inline]
    pub(super) fn insert_two_at(&mut self, at: usize, maps: [(MemoryArea, Content<T>); 2]) {
        let len = self.len();
        let ends = maps.each_ref().map(|(area, _)| area.end().get());
        let [left, right] = maps.map(|(area, content)| Record {
            start: area.start().get(),
            content,
        });
        let inserted = len + 2 <= LEAF
            && self.records.try_insert(at, right).is_ok()
            && self.records.try_insert(at, left).is_ok();
        debug_assert!(inserted, "no room was made for two maps");
        if inserted {
            self.ends.insert(at, ends, len);
        }
    }

    /// Takes the map at `at` out.
    #[inline]
    pub(super) fn remove_at(&mut self, at: usize) -> Option<VirtualMemoryMap<T>> {
        let (end, len) = (self.end(at), self.len());
        let Record { start, content } = self.records.pop_at(at)?;
        self.ends.remove(at..at + 1, len);
        let area = MemoryArea::bounds(start, end);
        Some(VirtualMemoryMap::from_parts(area, content))
    }

    /// Takes the last map out of a leaf that is in no tree any more.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<VirtualMemoryMap<T>> {
        let end = self.high();
        let Record { start, content } = self.records.pop()?;
        self.ends.remove(self.len()..self.len() + 1, self.len() + 1);
        let area = MemoryArea::bounds(start, end);
        Some(VirtualMemoryMap::from_parts(area, content))
    }

    /// Takes the maps at `range` out, one by one in order, for `sink`. When that panics, those that it has not got are
    /// dropped.
    pub(super) fn drain(&mut self, range: Range<usize>, mut sink: impl FnMut(VirtualMemoryMap<T>)) {
        let len = self.len();
        let ends = Leftover {
            ends: &mut self.ends,
            range: range.clone(),
            len,
        };
        for (at, record) in (range.start..).zip(self.records.drain(range)) {
            let end = ends.ends.get(at).unwrap_or(usize::MAX);
            let area = MemoryArea::bounds(record.start, end);
            sink(VirtualMemoryMap::from_parts(area, record.content));
        }
    }

    /// Moves the maps from `at` on to the front of `right`, which has room.
    pub(super) fn move_tail(&mut self, at: usize, right: &mut Self) {
        let mut to = 0;
        self.drain(at..self.len(), |map| {
            let (area, content) = map.into_parts();
            right.insert_at(to, area, content);
            to += 1;
        });
        self.recompute_max_gap();
        right.recompute_max_gap();
    }

    /// Moves the first `count` maps to the end of `left`, which has room.
    pub(super) fn move_head(&mut self, count: usize, left: &mut Self) {
        let mut at = left.len();
        self.drain(0..count.min(self.len()), |map| {
            let (area, content) = map.into_parts();
            left.insert_at(at, area, content);
            at += 1;
        });
        self.recompute_max_gap();
        left.recompute_max_gap();
    }
}

impl<T: Payload> Leaf<T> {
    /// Whether the maps at `at - 1` and `at` have become one.
    #[inline]
    pub(super) fn joins(&self, at: usize) -> bool {
        let Some(left) = at.checked_sub(1) else {
            return false;
        };
        // Most neighbours lie apart: the rest of them is not even read.
        self.start(at) == self.end(left).wrapping_add(1)
            && match (self.get(left), self.get(at)) {
                (Some(left), Some(right)) => left.can_join(right),
                _ => false,
            }
    }

    /// Joins the map at `at` with the one before it, if they have become one.
    #[inline]
    pub(super) fn join(&mut self, at: usize) {
        if self.joins(at) {
            self.swallow(at..at + 1);
        }
    }

    /// Lets the map before `range`, of one or two maps, grow over the maps there. They are dropped when that is done.
    #[inline]
    pub(super) fn swallow(&mut self, range: Range<usize>) {
        let (before, len) = (range.start.wrapping_sub(1), self.len());
        let end = self.end(range.end - 1);
        let gone: ArrayVec<Record<T>, 2> = self.records.drain(range.clone()).take(2).collect();
        self.ends.remove(range, len);
        self.set_end(before, end);
        drop(gone);
    }
}

/// The ends of maps that are being taken out. They go when the maps have, even if a panic takes the last of those.
struct Leftover<'a> {
    ends: &'a mut Keys<LEAF_LINES>,
    range: Range<usize>,
    len: usize,
}

impl Drop for Leftover<'_> {
    #[inline]
    fn drop(&mut self) {
        self.ends.remove(self.range.clone(), self.len);
    }
}
