//! Changing permissions.

use super::cut::behind;
use super::leaf::Leaf;
use super::room::Relief;
use super::spot::Spot;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::{MapRef, Payload};
use crate::permissions::Permissions;

impl<T: Payload> Tree<T> {
    /// Sets nodes aside for a change of permissions in an area in which there must be no hole. Maps that have them
    /// already are not cut.
    #[inline]
    pub(crate) fn reserve_protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<Spot, MapError> {
        let (start, end) = (area.start().get(), area.end().get());
        if let Some((leaf, at, path)) = self.way(start) {
            let covers = leaf.start(at) <= start && end <= leaf.end(at);
            if covers && leaf.has_room_for(2) && path.is_whole() {
                return Ok(Spot::At(path));
            }
        }
        match self.first_hole(area) {
            Some(hole) => Err(MapError::NotMapped { hole }),
            None => self.reserve_borders(area, permissions),
        }
    }

    fn reserve_borders(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<Spot, MapError> {
        let borders = self.cut_borders(area, permissions);
        let [left, right] =
            borders.map(|border| border.map_or(0, |at| self.needed_at(at.get(), 2)));
        // The first may fill the nodes above both.
        let both = if left > 0 && right > 0 {
            self.height() + 2
        } else {
            0
        };
        match self.pool.reserve(left + right + both) {
            Ok(()) if left + right == 0 => Ok(Spot::Roomy),
            Ok(()) => Ok(Spot::Tight),
            Err(_) if self.ends_with_no_more(area, permissions, borders) => Ok(Spot::Roomy),
            Err(error) => Err(error),
        }
    }

    /// The borders of `area` at which a map is cut: those inside a map that has other permissions.
    fn cut_borders(&self, area: MemoryArea, permissions: Permissions) -> [Option<VirtAddr>; 2] {
        [Some(area.start()), area.next()].map(|border| {
            let map = self.successor(border?)?;
            let is_cut = map.vmarea().start() < border? && map.permissions() != permissions;
            border.filter(|_| is_cut)
        })
    }

    /// Whether each leaf in which maps are cut ends with no more than before, as maps there join. So the edit needs no node:
    /// a full leaf can hold the parts until then.
    fn ends_with_no_more(
        &self,
        area: MemoryArea,
        permissions: Permissions,
        borders: [Option<VirtAddr>; 2],
    ) -> bool {
        let borders = || borders.iter().flatten().map(|border| border.get());
        borders().all(|border| {
            self.leaf(border).is_some_and(|(leaf, _)| {
                let span = leaf.low()..=leaf.high();
                let cuts = borders().filter(|border| span.contains(border)).count();
                let is_alone = cuts == borders().count();
                let joins = self.joins_in(area, permissions).filter(|right| {
                    let start = right.vmarea().start().get();
                    // A map at the border of two leaves leaves the one that is crowded: where only one can be.
                    span.contains(&start) || is_alone && span.contains(&start.wrapping_sub(1))
                });
                joins.count() >= cuts
            })
        })
    }

    /// The maps that will have become one with the map before them, once all that lies in `area` has these permissions.
    fn joins_in(
        &self,
        area: MemoryArea,
        permissions: Permissions,
    ) -> impl Iterator<Item = MapRef<'_, T>> {
        let mut left = self.predecessor(area.start().get());
        let rights = self.iter_from(area.start());
        let last = area.next().unwrap_or(area.end());
        let rights = rights.take_while(move |map| map.vmarea().start() <= last);
        let after = move |map: MapRef<'_, T>, addr| {
            if area.contains(addr) {
                permissions
            } else {
                map.permissions()
            }
        };
        rights.filter(move |&right| {
            let left = left.replace(right);
            left.is_some_and(|left| {
                let left_after = after(left, left.vmarea().end());
                left_after == after(right, right.vmarea().start())
                    && left.permissions() != right.permissions()
                    && left.continues_in(right)
            })
        })
    }

    /// Gives what lies in `area` these permissions; maps that have them already are not cut. Reserved; `spot` is what
    /// [`reserve_protect`](Self::reserve_protect) has answered.
    ///
    /// When a payload panics, the tree is sound: some maps in `area` may have the old permissions.
    pub(crate) fn protect(&mut self, area: MemoryArea, mut spot: Spot, permissions: Permissions) {
        if matches!(spot, Spot::Tight) {
            for border in self.cut_borders(area, permissions).into_iter().flatten() {
                self.make_room(border.get(), 2, Relief::Share);
            }
        }
        let mut rest = Some(area);
        while let Some(area) = rest {
            let (start, end) = (area.start().get(), area.end().get());
            let spot = core::mem::replace(&mut spot, Spot::Roomy);
            let span = self.edit_at(spot, start, |leaf, at| leaf.protect(area, at, permissions));
            let Some((low, high)) = span else { return };
            // What is first or last in its leaf may continue what is in another.
            if start <= low {
                self.join_at(VirtAddr::new(low));
            }
            if end == high {
                area.next().into_iter().for_each(|next| self.join_at(next));
            }
            rest = behind(area, high);
        }
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
