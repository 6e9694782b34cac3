//! Nodes set aside for an edit, before anything changes.

use super::needed::splits;
use super::size::FULL;
use super::spot::Spot;
use super::store::Tree;
use crate::area::MemoryArea;
use crate::error::MapError;

impl<T> Tree<T> {
    /// Sets nodes aside for a map at `area`, where nothing may be.
    pub(crate) fn reserve_insert(&mut self, area: MemoryArea) -> Result<(), MapError> {
        let start = area.start().get();
        match self.first_overlap(area) {
            Some(existing) => Err(MapError::Overlap { existing }),
            None => self.pool.reserve(self.needed_at(start, 1)),
        }
    }

    /// Sets nodes aside for an edit that takes out what lies in `area`. Only an area inside one map leaves a map more.
    #[inline]
    pub(crate) fn reserve_cut(&mut self, area: MemoryArea) -> Result<Spot, MapError> {
        let (start, end) = (area.start().get(), area.end().get());
        if let Some((leaf, at, path)) = self.leaf_with_path(start) {
            let punches = leaf.start(at) < start && end < leaf.end(at);
            if end < leaf.high() && path.is_whole() && (!punches || leaf.has_room_for(1)) {
                return Ok(Spot::At(path));
            }
        }
        self.reserve_punch(area).map(|()| Spot::Tight)
    }

    /// Sets nodes aside for the map that an area inside one map leaves more.
    fn reserve_punch(&mut self, area: MemoryArea) -> Result<(), MapError> {
        if self.reaches_past(area) {
            return self.pool.reserve(self.needed_at(area.start().get(), 1));
        }
        Ok(())
    }

    /// Sets nodes aside for an edit that takes out what lies in `area`, and puts one map there.
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
        // A map that goes leaves its place, or an empty node below the only one above.
        let has_place = || {
            let mut borders = [area.start(), area.end()].into_iter();
            self.height() <= 1 || borders.any(|border| self.leaves_a_place(area, border.get()))
        };
        if stays && leaf.len() + growth <= FULL + gone || growth <= gone && has_place() {
            return Ok(());
        }
        self.pool.reserve(self.height() + 2)
    }

    /// Whether the leaf at `border` of `area` loses some of its maps, but not all, when what lies in `area` goes.
    fn leaves_a_place(&self, area: MemoryArea, border: usize) -> bool {
        let is_inside = |map: MemoryArea| area.contains_area(map);
        let leaf = self.leaf(border).map(|(leaf, _)| leaf);
        let gone = leaf.map(|leaf| {
            let inside = (0..leaf.len()).filter(|&at| is_inside(leaf.area(at)));
            (inside.count(), leaf.len())
        });
        gone.is_some_and(|(gone, len)| gone > 0 && gone < len)
    }

    /// Sets nodes aside for an edit that takes out what lies in `new` and in `old`, and puts what was in `head`, the
    /// beginning of `old`, to `new`.
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
            // All maps are in one leaf: what goes makes room before what comes wants it. Once that is split, it need not.
            let gone = self.count_inside(old) + self.count_inside(new);
            let fits = len + growth <= FULL + gone;
            if fits { 0 } else { splits(FULL + growth) }
        } else {
            // The leaf takes what comes; or another does, of which nothing is known, when all that it has may go.
            let stays = new.end().get() < leaf.high() || at == len;
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

    /// How many leaves may be split where `area` is cut out of one map, whatever else happens there.
    fn cut_cost(&self, area: MemoryArea) -> usize {
        let has_room = self
            .leaf(area.start().get())
            .is_some_and(|(leaf, _)| leaf.has_room_for(2));
        usize::from(self.reaches_past(area) && !has_room)
    }
}
