//! The reservation for a change of permissions.
//!
//! A change cuts a map at each border of the area at most, if that map has other permissions. So it may leave two maps
//! more. But maps inside may join then, and a full tree must not refuse a change that ends with no more maps than
//! before.

use super::protect::{Change, changes};
use super::spot::Spot;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::{MapRef, Payload};

impl<T: Payload> Tree<T> {
    /// Sets nodes aside for a change of all permissions in `area`, and answers the spot of it. O(log n) for an area
    /// inside one map, otherwise O(log n) for each map.
    ///
    /// Maps that stay as they are are not cut.
    ///
    /// # Errors
    /// [`MapError::NotMapped`] with the first hole in `area`; [`MapError::OutOfNodes`].
    #[inline]
    pub(crate) fn reserve_protect(
        &mut self,
        area: MemoryArea,
        change: impl Change,
    ) -> Result<Spot, MapError> {
        let (start, end) = (area.start().get(), area.end().get());
        if let Some((leaf, at, path)) = self.leaf_with_path(start) {
            let covers = leaf.start(at) <= start && end <= leaf.end(at);
            if covers && leaf.has_room_for(2) && path.is_whole() {
                return Ok(Spot::At(path));
            }
        }
        match self.first_hole(area) {
            Some(hole) => Err(MapError::NotMapped { hole }),
            None => self.reserve_borders(area, change),
        }
    }

    /// Sets nodes aside for a change in `area` with holes in it. Answers the part from the first map to the last, with
    /// its spot; `None` where no map is. O(log n) for each map.
    ///
    /// # Errors
    /// [`MapError::OutOfNodes`].
    pub(crate) fn reserve_restrict(
        &mut self,
        area: MemoryArea,
        change: impl Change,
    ) -> Result<Option<(MemoryArea, Spot)>, MapError> {
        let Some(area) = self.mapped_part(area) else {
            return Ok(None);
        };
        let spot = self.reserve_borders(area, change)?;
        Ok(Some((area, spot)))
    }

    /// The part of `area` from its first byte in a map to its last. O(log n).
    fn mapped_part(&self, area: MemoryArea) -> Option<MemoryArea> {
        let first = self.first_overlap(area)?;
        let last = self
            .successor(area.end())
            .filter(|map| map.vmarea().start() <= area.end())
            .or_else(|| self.predecessor(area.end().get()))?;
        let start = first.start().max(area.start());
        let end = last.vmarea().end().min(area.end());
        MemoryArea::new(start, end).ok()
    }

    /// Sets nodes aside for the cuts at both borders of `area`, unless joins make up for them.
    fn reserve_borders(&mut self, area: MemoryArea, change: impl Change) -> Result<Spot, MapError> {
        let borders = self.cut_borders(area, change);
        let [left, right] =
            borders.map(|border| border.map_or(0, |at| self.needed_at(at.get(), 2)));
        // The splits for the first border may fill the nodes above the second.
        let both = if left > 0 && right > 0 {
            self.height() + 2
        } else {
            0
        };
        match self.pool.reserve(left + right + both) {
            Ok(()) if left + right == 0 => Ok(Spot::Roomy),
            Ok(()) => Ok(Spot::Tight),
            Err(_) if self.ends_with_no_more(area, change, borders) => Ok(Spot::Roomy),
            Err(error) => Err(error),
        }
    }

    /// The borders of `area` at which a map is cut: those inside a map that changes. O(log n).
    pub(super) fn cut_borders(
        &self,
        area: MemoryArea,
        change: impl Change,
    ) -> [Option<VirtAddr>; 2] {
        [Some(area.start()), area.next()].map(|border| {
            let map = self.successor(border?)?;
            let is_cut = map.vmarea().start() < border? && changes(change, map.permissions());
            border.filter(|_| is_cut)
        })
    }

    /// Whether each leaf in which maps are cut ends with no more maps than before, as maps there join. The edit needs
    /// no node then: a full leaf has two places more for the parts until they join. O(maps in `area`).
    fn ends_with_no_more(
        &self,
        area: MemoryArea,
        change: impl Change,
        borders: [Option<VirtAddr>; 2],
    ) -> bool {
        let borders = || borders.iter().flatten().map(|border| border.get());
        borders().all(|border| {
            self.leaf(border).is_some_and(|(leaf, _)| {
                let span = leaf.low()..=leaf.high();
                let cuts = borders().filter(|border| span.contains(border)).count();
                let is_alone = cuts == borders().count();
                let joins = self.joins_in(area, change).filter(|right| {
                    let start = right.vmarea().start().get();
                    // Two maps at the border of two leaves join in one of the two, and leave the crowded one. That is
                    // known only when no more than one can be crowded.
                    span.contains(&start) || is_alone && span.contains(&start.wrapping_sub(1))
                });
                joins.count() >= cuts
            })
        })
    }

    /// The maps that will continue the map before them once `area` is changed, but do not yet.
    fn joins_in(
        &self,
        area: MemoryArea,
        change: impl Change,
    ) -> impl Iterator<Item = MapRef<'_, T>> {
        let mut left = self.predecessor(area.start().get());
        let rights = self.iter_from(area.start());
        let last = area.next().unwrap_or(area.end());
        let rights = rights.take_while(move |map| map.vmarea().start() <= last);
        let after = move |map: MapRef<'_, T>, addr| {
            if area.contains(addr) {
                change(map.permissions())
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
}
