//! Maps that are split inside one leaf: in two, or in three with or without the middle.
//!
//! A split asks the payload for its part by [`Payload::split_at`], which may panic. Each step here leaves a leaf in
//! order when that happens, and no part of a map gets lost: its memory may be mapped.
//!
//! ```text
//! split_map   |----map----|  ->  |--map--|--new--|
//! carve       |----map----|  ->  |map|area |new--|     all three stay
//! punch       |----map----|  ->  |map|     |new--|     the middle leaves
//! cut_tail    |----map----|  ->  |--map--|             the rest leaves
//! cut_head    |----map----|  ->          |--map--|     the beginning leaves
//! ```

use super::leaf::Leaf;
use super::size::LEAF;
use crate::area::MemoryArea;
use crate::map::{Content, Payload, VirtualMemoryMap};

impl<T: Payload> Leaf<T> {
    /// Splits the map at `at` before `addr`, which it holds and does not start with, and answers where the part from
    /// `addr` on is. The caller has made room for one map; without room, nothing changes.
    #[inline]
    pub(super) fn split_map(&mut self, at: usize, addr: usize) -> Option<usize> {
        let (start, end) = (self.start(at), self.end(at));
        debug_assert!(self.len() < LEAF, "no room was made for a split");
        if start < addr && addr <= end && self.len() < LEAF {
            let right = self.content_mut(at)?.split_at(addr - start)?;
            return Some(self.split_at(at, [addr - 1, addr], right));
        }
        None
    }

    /// Splits the map at `at` in three at the borders of `area`, which it exceeds on both sides. Answers the middle's
    /// content. The caller has made room for two maps.
    #[inline]
    pub(super) fn carve(&mut self, at: usize, area: MemoryArea) -> Option<&mut Content<T>> {
        let [middle, rest] = self.part(at, area)?;
        let (start, end) = (area.start().get(), area.end().get());
        let behind = self.split_at(at, [end, end + 1], rest);
        let at = self.split_at(self.before(behind)?, [start - 1, start], middle);
        self.content_mut(at)
    }

    /// Takes `area` out of the map at `at`, which exceeds it on both sides, and answers that part. The caller has made
    /// room for one map.
    #[inline]
    pub(super) fn punch(&mut self, at: usize, area: MemoryArea) -> Option<VirtualMemoryMap<T>> {
        let [middle, rest] = self.part(at, area)?;
        self.split_at(at, [area.start().get() - 1, area.end().get() + 1], rest);
        Some(VirtualMemoryMap::from_parts(area, middle))
    }

    /// Splits two parts off the map at `at`, which exceeds `area` on both sides: the part in `area`, and the part
    /// behind. The map's own end is left as it was. The caller has made room for one map.
    ///
    /// If the payload panics on the second split, the part behind becomes a map of the leaf ([`Rest`]).
    #[inline]
    fn part(&mut self, at: usize, area: MemoryArea) -> Option<[Content<T>; 2]> {
        let start = self.start(at);
        let (first, next) = (area.start().get(), area.end().get() + 1);
        let content = self.content_mut(at)?.split_at(next - start)?;
        let mut rest = Rest {
            start: next,
            content: Some(content),
            leaf: self,
            at,
        };
        let middle = rest.leaf.content_mut(at)?.split_at(first - start)?;
        Some([middle, rest.content.take()?])
    }

    /// Takes the part from `addr` on out of the map at `at`, which holds `addr` and does not start with it.
    #[inline]
    pub(super) fn cut_tail(&mut self, at: usize, addr: usize) -> Option<VirtualMemoryMap<T>> {
        let (start, end) = (self.start(at), self.end(at));
        let tail = self.content_mut(at)?.split_at(addr - start)?;
        self.set_end(at, addr - 1);
        let area = MemoryArea::bounds(addr, end);
        Some(VirtualMemoryMap::from_parts(area, tail))
    }

    /// Takes the part before `addr` out of the map at `at`, which holds `addr` and does not start with it.
    #[inline]
    pub(super) fn cut_head(&mut self, at: usize, addr: usize) -> Option<VirtualMemoryMap<T>> {
        let start = self.start(at);
        let content = self.content_mut(at)?;
        let rest = content.split_at(addr - start)?;
        let head = core::mem::replace(content, rest);
        self.set_start(at, addr);
        let area = MemoryArea::bounds(start, addr - 1);
        Some(VirtualMemoryMap::from_parts(area, head))
    }
}

/// The part behind, split off the map at `at`, while the payload is asked to split again. If that panics, the part
/// becomes a map of its own: a part must not be dropped while its memory is mapped.
struct Rest<'a, T> {
    leaf: &'a mut Leaf<T>,
    at: usize,
    start: usize,
    content: Option<Content<T>>,
}

impl<T> Drop for Rest<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(content) = self.content.take() {
            self.leaf
                .split_at(self.at, [self.start - 1, self.start], content);
        }
    }
}
