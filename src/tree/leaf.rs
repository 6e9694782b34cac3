//! A leaf: maps in address order, their ends apart from the rest.
//!
//! The methods here keep ends and records in step. The largest gap is the caller's to keep true, by
//! [`update_max_gap`](Leaf::update_max_gap): an edit of several steps looks at its gaps once, before and after.
//!
//! Positions that have no map read as a map at the last address: `start` and `end` answer `usize::MAX`. So a caller may
//! ask for the position behind the last map, as a search answers it, and compares without a test for the length.
//!
//! Payloads may panic when they split or are dropped. No method drops a payload, or asks it, before ends and records
//! agree; guards see to those that hand maps to foreign code.

use core::ops::Range;

use arrayvec::ArrayVec;

use super::keys::{Keys, LINE};
use super::max_gap::{MaxGap, Pair, pair};
use super::size::{FULL, LEAF, LEAF_LINES};
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::{Content, MapRef, Payload, VirtualMemoryMap};

/// Up to LEAF maps in address order, disjoint. Between edits there are FULL at most.
///
/// Position `at` of `ends` and of `records` is about one map. All addresses are the first or last byte of a map, both
/// included, so a map that ends at the last address is nothing special.
pub(super) struct Leaf<T> {
    /// The last byte of each map: the keys of a search, which reads nothing else.
    ends: Keys<LEAF_LINES>,
    /// The first byte and the content of each map.
    records: ArrayVec<Record<T>, LEAF>,
    /// The largest gap between two maps of this leaf, in bytes.
    max_gap: MaxGap,
}

/// A map without its last byte, which is a key of the leaf.
struct Record<T> {
    /// The first byte.
    start: usize,
    /// The facts that do not depend on the map's addresses, and the payload.
    content: Content<T>,
}

impl<T> Leaf<T> {
    /// An empty leaf. Inlined, so that it is made in the node's own memory: it may be larger than a kernel stack.
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self {
            ends: Keys::new(),
            records: ArrayVec::new_const(),
            max_gap: MaxGap::new(),
        }
    }

    /// Whether `growth` more maps may stay in the leaf when the edit ends.
    #[inline]
    pub(super) fn has_room_for(&self, growth: usize) -> bool {
        self.len() + growth <= FULL
    }

    /// How many maps the leaf has.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// The largest gap between two maps of the leaf, in bytes. O(1).
    pub(super) const fn max_gap(&self) -> usize {
        self.max_gap.get()
    }

    /// The position of the first map that does not end before `addr`. When all do, the answer is the length, or the
    /// last position of a leaf at its capacity. O(1), without a branch.
    ///
    /// A lookup can do with that: it checks that the map there holds `addr`.
    #[inline]
    pub(super) fn search(&self, addr: usize) -> usize {
        self.ends.search(addr)
    }

    /// The position of the first map that does not end before `addr`; the length when all do. A map at `addr` is, or
    /// would be inserted, there. O(1).
    #[inline]
    pub(super) fn lower_bound(&self, addr: usize) -> usize {
        let at = self.search(addr);
        if self.end(at) < addr {
            self.len()
        } else {
            at.min(self.len())
        }
    }

    /// The first byte of the map at `at`; `usize::MAX` when there is none.
    #[inline]
    pub(super) fn start(&self, at: usize) -> usize {
        self.records
            .get(at)
            .map_or(usize::MAX, |record| record.start)
    }

    /// The last byte of the map at `at`; `usize::MAX` when there is none.
    #[inline]
    pub(super) fn end(&self, at: usize) -> usize {
        self.ends.get(at).unwrap_or(usize::MAX)
    }

    /// The first byte of the first map.
    #[inline]
    pub(super) fn low(&self) -> usize {
        self.start(0)
    }

    /// The last byte of the last map.
    #[inline]
    pub(super) fn high(&self) -> usize {
        self.end(self.len().saturating_sub(1))
    }

    /// The area of the map at `at`.
    #[inline]
    pub(super) fn area(&self, at: usize) -> MemoryArea {
        MemoryArea::bounds(self.start(at), self.end(at))
    }

    /// The map at `at`.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<MapRef<'_, T>> {
        let record = self.records.get(at)?;
        let area = MemoryArea::bounds(record.start, self.end(at));
        Some(MapRef::new(area, &record.content))
    }

    /// The map at `at` as it would be at `area`: for a look at a map before it grows.
    #[inline]
    pub(super) fn view_at(&self, at: usize, area: MemoryArea) -> Option<MapRef<'_, T>> {
        Some(MapRef::new(area, &self.records.get(at)?.content))
    }

    /// Whether the keys are in order and the largest gap is true. For audits.
    pub(super) fn is_sound(&self) -> bool {
        self.ends.is_sound(self.len())
            && self
                .max_gap
                .is_sound((1..self.len()).map(|at| self.gap_before(at)))
    }

    /// Checks that no map of the leaf has a byte in `area`, whose start is or would be at position `at`.
    ///
    /// # Errors
    /// [`MapError::Overlap`] with the first map in the way.
    #[inline]
    pub(super) fn check_free(&self, area: MemoryArea, at: usize) -> Result<(), MapError> {
        if at < self.len() && self.start(at) <= area.end().get() {
            return Err(MapError::Overlap {
                existing: self.area(at),
            });
        }
        Ok(())
    }

    /// The map that holds `addr`. O(1); a leaf of one line of keys is searched without its pilot.
    #[inline]
    pub(super) fn find(&self, addr: usize) -> Option<MapRef<'_, T>> {
        let at = if self.len() <= LINE {
            self.ends.search_first_line(addr)
        } else {
            self.search(addr)
        };
        self.find_at(at, addr)
    }

    /// The map at `at`, if it holds `addr`. Any position may be asked for: hints and searches guess.
    #[inline]
    pub(super) fn find_at(&self, at: usize, addr: usize) -> Option<MapRef<'_, T>> {
        if self.start(at) <= addr && addr <= self.end(at) {
            self.get(at)
        } else {
            None
        }
    }

    /// The bytes between the map at `at` and the map before it in the leaf; 0 for the first map and behind the last.
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

    /// The two addresses around each gap before the maps at `range`: the last byte of the map before, and the first
    /// byte of the map. A search for free space filters them without looking at records' contents.
    ///
    /// The range begins at 1 or later: the first map has no map before it in the leaf.
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

    /// The largest of the gaps before the maps at `range`, in bytes. O(range).
    pub(super) fn max_gap_in(&self, range: Range<usize>) -> usize {
        range.map(|at| self.gap_before(at)).max().unwrap_or(0)
    }

    /// The gaps on both sides of the map at `at`, the larger first: those that change when the map does.
    #[inline]
    pub(super) fn gaps_at(&self, at: usize) -> Pair {
        pair(self.gap_before(at), self.gap_before(at + 1))
    }

    /// Keeps the largest gap true after an edit. `before` and `after` are the two largest of the gaps that it changed.
    /// O(1), or a scan where neither remembered gap helps ([`MaxGap::update`]).
    #[inline]
    pub(super) fn update_max_gap(&mut self, before: Pair, after: Pair) {
        let mut gap = self.max_gap;
        gap.update(before, after, || self.scan_max_gap());
        self.max_gap = gap;
    }

    /// Makes the largest gap true again by a scan, whatever has changed.
    pub(super) fn recompute_max_gap(&mut self) {
        self.max_gap = MaxGap::of(self.scan_max_gap());
    }

    /// The largest gap in the leaf, by a scan without branches: of each start less the end before, one more than the
    /// gap.
    fn scan_max_gap(&self) -> usize {
        let steps = self
            .records
            .iter()
            .skip(1)
            .zip(self.ends.all())
            .map(|(record, end)| record.start.wrapping_sub(*end));
        steps.fold(1, usize::max) - 1
    }

    /// Moves the first byte of the map at `at`. The content stays.
    #[inline]
    pub(super) fn set_start(&mut self, at: usize, start: usize) {
        if let Some(record) = self.records.get_mut(at) {
            record.start = start;
        }
    }

    /// Moves the last byte of the map at `at`. The content stays.
    #[inline]
    pub(super) fn set_end(&mut self, at: usize, end: usize) {
        self.ends.set(at, end);
    }

    /// The content of the map at `at`, to be changed.
    #[inline]
    pub(super) fn content_mut(&mut self, at: usize) -> Option<&mut Content<T>> {
        self.records.get_mut(at).map(|record| &mut record.content)
    }

    /// Inserts a map at `at`. The caller has made room; without room, the map would be dropped.
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

    /// Inserts two maps at `at`, and shifts the ends once. The caller has made room for both.
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

    /// Removes the map at `at`.
    #[inline]
    pub(super) fn remove_at(&mut self, at: usize) -> Option<VirtualMemoryMap<T>> {
        let (end, len) = (self.end(at), self.len());
        let Record { start, content } = self.records.pop_at(at)?;
        self.ends.remove(at..at + 1, len);
        let area = MemoryArea::bounds(start, end);
        Some(VirtualMemoryMap::from_parts(area, content))
    }

    /// Removes the last map of a leaf that is in no tree any more. Its largest gap is left as it was.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<VirtualMemoryMap<T>> {
        let end = self.high();
        let Record { start, content } = self.records.pop()?;
        self.ends.remove(self.len()..self.len() + 1, self.len() + 1);
        let area = MemoryArea::bounds(start, end);
        Some(VirtualMemoryMap::from_parts(area, content))
    }

    /// Removes the maps at `range`, and hands them to `sink` in order. When `sink` panics, the maps that it has not got
    /// are dropped, and the leaf is in order.
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

    /// Moves the maps from `at` on to the front of `right`, which has room. Both largest gaps are scanned.
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

    /// Moves the first `count` maps to the end of `left`, which has room. Both largest gaps are scanned.
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
    /// Whether the map at `at` continues the map before it, so that both are to be one.
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

    /// Joins the map at `at` with the map before it, if it continues that.
    #[inline]
    pub(super) fn join(&mut self, at: usize) {
        if self.joins(at) {
            self.swallow(at..at + 1);
        }
    }

    /// Lets the map before `range`, of one or two maps, grow over the maps there.
    ///
    /// The maps are dropped last, when the leaf is in order: their payloads may panic.
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

/// The ends of maps that are leaving by [`Leaf::drain`]. They go when the maps have gone, even by a panic.
struct Leftover<'a> {
    /// The leaf's keys, which a sink's maps are still read from.
    ends: &'a mut Keys<LEAF_LINES>,
    /// The positions of the maps that leave.
    range: Range<usize>,
    /// How many maps the leaf had before.
    len: usize,
}

impl Drop for Leftover<'_> {
    #[inline]
    fn drop(&mut self) {
        self.ends.remove(self.range.clone(), self.len);
    }
}
