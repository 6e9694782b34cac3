//! Changing permissions, and moving.

use super::leaf::Leaf;
use super::size::LEAF;
use super::spot::Spot;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};
use crate::permissions::Permissions;

impl<T: Payload> Tree<T> {
    /// Gives what lies in `area` these permissions; maps that have them already are not cut. Reserved; `spot` is what
    /// [`reserve_protect`](Self::reserve_protect) has answered, or nothing.
    pub(crate) fn protect(&mut self, area: MemoryArea, mut spot: Spot, permissions: Permissions) {
        let mut rest = Some(area);
        while let Some(area) = rest {
            let (start, end) = (area.start().get(), area.end().get());
            let spot = core::mem::take(&mut spot);
            let span = self.edit_at(spot, start, |leaf, at| leaf.protect(area, at, permissions));
            let Some((low, high)) = span else { return };
            // What is first or last in its leaf may continue what is in another.
            if start <= low {
                self.join_at(VirtAddr::new(low));
            }
            let next = high.checked_add(1).map(VirtAddr::new);
            if end == high {
                next.into_iter().for_each(|next| self.join_at(next));
            }
            rest = next.and_then(|next| MemoryArea::new(next, area.end()).ok());
        }
    }

    /// Moves what lies in `from` to `to`, which is free and of the same size. Reserved for both, and by
    /// [`reserve_shift`](Self::reserve_shift).
    pub(crate) fn shift(&mut self, from: MemoryArea, to: MemoryArea) {
        while let Some(map) = self.take_first(from) {
            let (area, content) = map.into_parts();
            let moved = from
                .offset_of(area.start())
                .and_then(|offset| MemoryArea::from_start_size(to.at(offset)?, area.size()).ok());
            if let Some(moved) = moved {
                self.insert_with_spare(VirtualMemoryMap::from_parts(moved, content));
            }
        }
    }

    /// Sets nodes aside for moving all maps in `area` anywhere.
    pub(crate) fn reserve_shift(&mut self, area: MemoryArea) -> Result<(), MapError> {
        // Every split makes room for a quarter of a leaf at least, and may split all the nodes above.
        let splits = self.count_in(area).div_ceil(LEAF / 4) + 1;
        self.pool.reserve(splits * (self.height() + 1) + 1)
    }
}

impl<T: Payload> Leaf<T> {
    /// Gives what lies in `area`, whose start is or would be at `first`, in this leaf these permissions. Answers the
    /// leaf's first and last byte.
    fn protect(
        &mut self,
        area: MemoryArea,
        first: usize,
        permissions: Permissions,
    ) -> (usize, usize) {
        let (start, end) = (area.start().get(), area.end().get());
        let (low, high) = (self.start(first), self.end(first));
        if low < start && end < high {
            if self
                .get(first)
                .is_some_and(|map| map.permissions() != permissions)
            {
                let middle = self.carve(first, area);
                middle
                    .into_iter()
                    .for_each(|middle| middle.set_permissions(permissions));
            }
        } else if low == start && high == end {
            self.protect_whole(first, permissions);
        } else {
            self.protect_maps(area, first, permissions);
        }
        (self.low(), self.high())
    }

    /// Gives the map at `at` these permissions, and joins it with its neighbours.
    #[inline]
    fn protect_whole(&mut self, at: usize, permissions: Permissions) {
        if let Some(content) = self.content_mut(at) {
            content.set_permissions(permissions);
        }
        let (left, right) = (self.joins(at), self.joins(at + 1));
        let gone = at + usize::from(!left)..at + 1 + usize::from(right);
        if !gone.is_empty() {
            self.swallow(gone);
        }
    }

    /// As [`protect`](Self::protect), for any part of any number of maps.
    fn protect_maps(&mut self, area: MemoryArea, first: usize, permissions: Permissions) {
        let (start, end) = (area.start().get(), area.end().get());
        let mut at = first;
        while at < self.len() && self.start(at) <= end {
            if self
                .content_mut(at)
                .is_some_and(|content| content.permissions() != permissions)
            {
                if self.start(at) < start {
                    self.split(at, start);
                    at += 1;
                }
                if self.end(at) > end {
                    self.split(at, end + 1);
                }
                self.content_mut(at)
                    .into_iter()
                    .for_each(|content| content.set_permissions(permissions));
            }
            at += 1;
        }
        (first..=at).rev().for_each(|right| self.join(right));
    }
}
