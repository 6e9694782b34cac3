//! Ordered, disjoint maps: lookup, range edits, gaps and rank. It knows nothing of page tables.

use alloc::vec::{Drain, Vec};
use core::ops::Range;

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};
use crate::permissions::Permissions;

/// The maps of one space in address order.
///
/// A sorted vector: lookups and ranks in O(log n), edits in O(n) moved bytes. Every edit that may add maps is
/// preceded by [`reserve`](Self::reserve), and cannot fail then.
pub(crate) struct Tree<T> {
    maps: Vec<VirtualMemoryMap<T>>,
}

impl<T> Tree<T> {
    pub(crate) const fn new() -> Self {
        Self { maps: Vec::new() }
    }

    pub(crate) fn get(&self, index: usize) -> Option<&VirtualMemoryMap<T>> {
        self.maps.get(index)
    }

    /// The index of the first map that does not end before `addr`.
    fn lower_bound(&self, addr: VirtAddr) -> usize {
        self.maps.partition_point(|map| map.vmarea().end() < addr)
    }

    /// The position of the map that holds `addr`.
    pub(crate) fn rank(&self, addr: VirtAddr) -> Option<usize> {
        let index = self.lower_bound(addr);
        self.get(index)?.vmarea().contains(addr).then_some(index)
    }

    /// The map that holds `addr`.
    pub(crate) fn find(&self, addr: VirtAddr) -> Option<&VirtualMemoryMap<T>> {
        let map = self.get(self.lower_bound(addr))?;
        map.vmarea().contains(addr).then_some(map)
    }

    /// The positions of the maps that have a byte in `area`.
    fn indices(&self, area: MemoryArea) -> Range<usize> {
        let first = self.lower_bound(area.start());
        let len = self
            .maps
            .iter()
            .skip(first)
            .take_while(|map| map.vmarea().start() <= area.end())
            .count();
        first..first + len
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &VirtualMemoryMap<T>> {
        self.maps.iter()
    }

    /// The maps that have a byte in `area`.
    pub(crate) fn overlapping(
        &self,
        area: MemoryArea,
    ) -> impl Iterator<Item = &VirtualMemoryMap<T>> {
        let rest = self.maps.iter().skip(self.lower_bound(area.start()));
        rest.take_while(move |map| map.vmarea().start() <= area.end())
    }

    /// Where the first map is that has a byte in `area`.
    pub(crate) fn first_overlap(&self, area: MemoryArea) -> Option<MemoryArea> {
        self.overlapping(area).next().map(VirtualMemoryMap::vmarea)
    }

    /// The first hole in `area`.
    pub(crate) fn first_hole(&self, area: MemoryArea) -> Option<MemoryArea> {
        let mut free = area.start();
        for map in self.overlapping(area) {
            if let Some(end) = map
                .vmarea()
                .start()
                .checked_sub(1)
                .filter(|&end| end >= free)
            {
                return MemoryArea::new(free, end).ok();
            }
            free = map.vmarea().next()?;
        }
        MemoryArea::new(free, area.end()).ok()
    }

    /// The lowest free area in `within` of `size` bytes that starts at a multiple of `align`, a power of two.
    pub(crate) fn find_free(
        &self,
        size: usize,
        align: usize,
        within: MemoryArea,
    ) -> Option<MemoryArea> {
        let fit = |start: VirtAddr| MemoryArea::from_start_size(start.align_up(align)?, size).ok();
        let mut free = within.start();
        for map in self.overlapping(within) {
            match fit(free) {
                Some(area) if area.end() < map.vmarea().start() => return Some(area),
                _ => free = map.vmarea().next()?,
            }
        }
        fit(free).filter(|&area| within.contains_area(area))
    }

    /// Makes room for `extra` more maps.
    pub(crate) fn reserve(&mut self, extra: usize) -> Result<(), MapError> {
        self.maps
            .try_reserve(extra)
            .map_err(|_| MapError::OutOfNodes { needed: extra })
    }

    /// Takes the map at `index` out.
    pub(crate) fn remove(&mut self, index: usize) -> Option<VirtualMemoryMap<T>> {
        (index < self.maps.len()).then(|| self.maps.remove(index))
    }

    /// Takes all maps out, in order; those that are not asked for go when the iterator does.
    pub(crate) fn drain(&mut self) -> Drain<'_, VirtualMemoryMap<T>> {
        self.maps.drain(..)
    }
}

impl<T: Payload> Tree<T> {
    /// Puts `map` where nothing is, and joins it with its neighbours. Reserved: 1.
    pub(crate) fn insert(&mut self, map: VirtualMemoryMap<T>) {
        let index = self.lower_bound(map.vmarea().start());
        self.maps.insert(index, map);
        self.join_borders(index..index + 1);
    }

    /// Takes out what lies in `area`, cut at its borders, in order; what is not asked for goes when the iterator
    /// does. Reserved: 2.
    pub(crate) fn cut(&mut self, area: MemoryArea) -> Drain<'_, VirtualMemoryMap<T>> {
        let range = self.isolate(area, |_| true);
        self.maps.drain(range)
    }

    /// Gives what lies in `area` these permissions; maps that have them already are not cut. Reserved: 2.
    pub(crate) fn protect(&mut self, area: MemoryArea, permissions: Permissions) {
        let differs = |map: &VirtualMemoryMap<T>| map.permissions() != permissions;
        let range = self.isolate(area, differs);
        for map in self.maps.get_mut(range.clone()).unwrap_or_default() {
            map.set_permissions(permissions);
        }
        self.join_borders(range);
    }

    /// Moves what lies in `from` to `to`, which is free, of the same size, and does not overlap it. Reserved: 2.
    pub(crate) fn shift(&mut self, from: MemoryArea, to: MemoryArea) {
        let Range { start, end } = self.isolate(from, |_| true);
        let target = self.lower_bound(to.start());
        for map in self.maps.get_mut(start..end).unwrap_or_default() {
            let offset = from.offset_of(map.vmarea().start());
            let moved = offset.and_then(|offset| {
                MemoryArea::from_start_size(to.at(offset)?, map.vmarea().size()).ok()
            });
            moved.into_iter().for_each(|vmarea| map.move_to(vmarea));
        }
        let len = end - start;
        if target <= start {
            self.maps
                .get_mut(target..end)
                .unwrap_or_default()
                .rotate_right(len);
            self.join_borders(target..target + len);
        } else {
            self.maps
                .get_mut(start..target)
                .unwrap_or_default()
                .rotate_left(len);
            self.join_borders(target - len..target);
        }
    }

    /// Splits the maps that cross a border of `area`, of those that `wanted` says; answers the positions of all that
    /// have a byte in it. Reserved: 2.
    fn isolate(
        &mut self,
        area: MemoryArea,
        wanted: impl Fn(&VirtualMemoryMap<T>) -> bool,
    ) -> Range<usize> {
        self.split(area.start(), &wanted);
        if let Some(next) = area.next() {
            self.split(next, &wanted);
        }
        self.indices(area)
    }

    /// Splits the map that holds `addr`, unless it starts there, if it is `wanted`.
    fn split(&mut self, addr: VirtAddr, wanted: impl Fn(&VirtualMemoryMap<T>) -> bool) {
        let index = self.lower_bound(addr);
        let map = self.maps.get_mut(index).filter(|map| wanted(map));
        let right = map.and_then(|map| map.split_at(map.vmarea().offset_of(addr)?));
        if let Some(right) = right {
            self.maps.insert(index + 1, right);
        }
    }

    /// Joins the maps at `range` with each other and with their neighbours, where they have become one.
    fn join_borders(&mut self, range: Range<usize>) {
        for right in (range.start.max(1)..=range.end).rev() {
            let joins = match self.maps.get(right - 1..=right) {
                Some([left, right]) => left.can_join(right),
                _ => false,
            };
            if joins {
                let gone = self.maps.remove(right);
                self.maps
                    .get_mut(right - 1)
                    .into_iter()
                    .for_each(|left| left.join(&gone));
            }
        }
    }
}
