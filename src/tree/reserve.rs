//! Reservations: nodes are set aside for an edit before anything changes.
//!
//! Each reservation fills the pool with the nodes that its edit needs at most, by the counts of
//! [`needed`](super::needed). On an error nothing has changed. If the page table refuses afterwards,
//! [`trim`](Tree::trim) gives the nodes back.
//!
//! An edit that ends with no more maps than before must not be refused in a full tree. Each reservation looks for that
//! case before it asks for a node.

use super::needed::splits;
use super::size::FULL;
use super::spot::Spot;
use super::store::Tree;
use crate::area::MemoryArea;
use crate::error::MapError;

impl<T> Tree<T> {
    /// Sets nodes aside for a map at `area`. O(log n).
    ///
    /// # Errors
    /// [`MapError::Overlap`] with the first map in the way; [`MapError::OutOfNodes`].
    pub(crate) fn reserve_insert(&mut self, area: MemoryArea) -> Result<(), MapError> {
        let start = area.start().get();
        match self.first_overlap(area) {
            Some(existing) => Err(MapError::Overlap { existing }),
            None => self.pool.reserve(self.needed_at(start, 1)),
        }
    }

    /// Sets nodes aside for a cut of `area`, and answers the spot of it. O(log n).
    ///
    /// Only an area inside one map leaves one map more: no other cut needs a node.
    ///
    /// # Errors
    /// [`MapError::OutOfNodes`].
    #[inline]
    pub(crate) fn reserve_cut(&mut self, area: MemoryArea) -> Result<Spot, MapError> {
        let (start, end) = (area.start().get(), area.end().get());
        if let Some((leaf, at, path)) = self.leaf_with_path(start) {
            let has_room = leaf.has_room_for(1) || leaf.start(at) >= start || leaf.end(at) <= end;
            if has_room && path.is_whole() {
                return Ok(Spot::At(path));
            }
        }
        self.reserve_punch(area).map(|()| Spot::Tight)
    }

    /// Sets nodes aside for the one map more that a cut inside one map leaves.
    fn reserve_punch(&mut self, area: MemoryArea) -> Result<(), MapError> {
        if self.reaches_past(area) {
            return self.pool.reserve(self.needed_at(area.start().get(), 1));
        }
        Ok(())
    }

    /// Sets nodes aside for a cut of `area` and one map that is inserted there. O(log n).
    ///
    /// # Errors
    /// [`MapError::OutOfNodes`].
    pub(crate) fn reserve_replace(&mut self, area: MemoryArea) -> Result<(), MapError> {
        let Some((leaf, _)) = self.leaf(area.start().get()) else {
            return self.pool.reserve(1);
        };
        let stays = area.end().get() < leaf.high() || self.height() == 0;
        if stays && leaf.has_room_for(2) {
            return Ok(());
        }
        let gone = self.count_inside(area);
        let growth = 1 + usize::from(self.reaches_past(area));
        // The new map takes the place of a map that goes: in a leaf that loses some of its maps, or in a node that has
        // become empty, if one inner node is above all.
        let has_place = || {
            let mut borders = [area.start(), area.end()].into_iter();
            self.height() <= 1 || borders.any(|border| self.leaves_a_place(area, border.get()))
        };
        if stays && leaf.len() + growth <= FULL + gone || growth <= gone && has_place() {
            return Ok(());
        }
        self.pool.reserve(self.height() + 2)
    }

    /// Whether the leaf at `border` of `area` loses some of its maps, but not all, by a cut of `area`. O(log n).
    fn leaves_a_place(&self, area: MemoryArea, border: usize) -> bool {
        let is_inside = |map: MemoryArea| area.contains_area(map);
        let leaf = self.leaf(border).map(|(leaf, _)| leaf);
        let gone = leaf.map(|leaf| {
            (
                leaf.areas().filter(|&map| is_inside(map)).count(),
                leaf.len(),
            )
        });
        gone.is_some_and(|(gone, len)| gone > 0 && gone < len)
    }

    /// Sets nodes aside for a move: `new` is cut, `old` is cut, and the maps of `head`, the beginning of `old`, come to
    /// `new`. O(log n).
    ///
    /// ```text
    /// old   [ head       | tail ]       the tail is dropped
    /// new   [ head moves ]              the maps that were there are dropped
    /// ```
    ///
    /// # Errors
    /// [`MapError::OutOfNodes`].
    pub(crate) fn reserve_shift(
        &mut self,
        old: MemoryArea,
        head: MemoryArea,
        new: MemoryArea,
    ) -> Result<(), MapError> {
        let Some((leaf, at)) = self.leaf(new.start().get()) else {
            return Ok(());
        };
        let height = self.height();
        let moved = self.count_in(head);
        let punches = [old, new].map(|area| usize::from(self.reaches_past(area)));
        let growth = moved + punches.iter().sum::<usize>();
        let len = leaf.len();
        let needed = if height == 0 {
            // All maps are in one leaf: maps that go make room before others come. Once the leaf is split, that may
            // fail.
            let gone = self.count_inside(old) + self.count_inside(new);
            let fits = len + growth <= FULL + gone;
            if fits { 0 } else { splits(FULL + growth) }
        } else {
            // This leaf takes the maps that come. If it may lose all it has, another leaf does, which may be full.
            let stays = new.end().get() < leaf.high() || !leaf.has(at);
            let len = if stays { len } else { FULL + 1 };
            let comes = splits(len + growth);
            let cuts = [old, head].map(|area| self.cut_cost(area));
            comes + cuts.iter().sum::<usize>()
        };
        if needed == 0 {
            return Ok(());
        }
        self.pool.reserve(needed + self.needed_above(needed))
    }

    /// How many leaves may be split by a cut of `area` inside one map, whatever else the move does there. O(log n).
    fn cut_cost(&self, area: MemoryArea) -> usize {
        let has_room = self
            .leaf(area.start().get())
            .is_some_and(|(leaf, _)| leaf.has_room_for(2));
        usize::from(self.reaches_past(area) && !has_room)
    }
}
