//! Moving and shrinking.

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use super::unmap::Discard;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, check_area};
use crate::error::MapError;
use crate::flush::Retired;
use crate::map::{MapRef, Payload, VirtualMemoryMap};
use crate::tree::{Spot, Tree};

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Moves what is mapped in `old` to `new`, as `mremap` does: any part of any number of maps, replacing whatever
    /// was at `new`. Physical memory, permissions and payloads stay the same; pages that were in the page table are
    /// so at their new place.
    ///
    /// Where `new` is smaller, the rest of `old` is unmapped, holes and all; where both start at the same place, that
    /// is all that happens. The pieces that are cut out are dropped. Flushes once, unless no entry was valid;
    /// twice when pages at `new` are replaced whose frames the page table owns.
    /// O(log n + maps touched + leaves moved + tables touched).
    ///
    /// # Errors
    /// Nothing has changed then: [`MapError::CannotGrow`] when `new` is larger: what lies behind a physical map is not
    /// its own; [`MapError::MovesOntoItself`] when they overlap but start apart; [`MapError::NotMapped`] with the
    /// first hole in what should move; [`MapError::Misaligned`], [`MapError::MisalignedSize`],
    /// [`MapError::OutOfRange`] for either area; [`MapError::OutOfNodes`]; [`MapError::OutOfFrames`].
    pub fn remap(&mut self, old: MemoryArea, new: MemoryArea) -> Result<(), MapError> {
        self.remap_into(old, new, &mut Discard)
    }

    /// As [`remap`](Self::remap), and hands the pieces that are cut out to `out`, those at `new` first, when nobody
    /// reaches their memory any more.
    ///
    /// # Errors
    /// As [`remap`](Self::remap); `out` is untouched then.
    pub fn remap_into(
        &mut self,
        old: MemoryArea,
        new: MemoryArea,
        out: &mut impl Extend<VirtualMemoryMap<T>>,
    ) -> Result<(), MapError> {
        self.recover();
        check_area(&self.backend, old)?;
        check_area(&self.backend, new)?;
        if new.size() > old.size() {
            return Err(MapError::CannotGrow { old, new });
        }
        let (head, tail) = match old.split_at(new.size()) {
            Some((head, tail)) => (head, Some(tail)),
            None => (old, None),
        };
        if new.start() == old.start() {
            return tail.map_or(Ok(()), |tail| self.unmap_into(tail, out));
        }
        if new.overlaps(&old) {
            return Err(MapError::MovesOntoItself { old, new });
        }
        if let Some(hole) = self.tree.first_hole(head) {
            return Err(MapError::NotMapped { hole });
        }
        self.tree.reserve_shift(old, head, new)?;
        let reserved = self
            .reserve_move(old, head, new)
            .inspect_err(|_| self.tree.trim())?;
        self.begin(Unfinished::Entries(new));
        self.move_entries(old, head, new, reserved);
        for area in [Some(new), tail].into_iter().flatten() {
            self.tree
                .cut(area, Spot::Tight, |piece| out.extend(Some(piece)));
        }
        self.tree.shift(head, new);
        self.end();
        Ok(())
    }

    /// What the page table needs for that.
    fn reserve_move(
        &self,
        old: MemoryArea,
        head: MemoryArea,
        new: MemoryArea,
    ) -> Result<B::Reserved, MapError> {
        let shifts = pieces(&self.tree, head, new).map(|(from, to)| Edit::Shift { from, to });
        let edits = [Edit::Unmap(new)].into_iter().chain(shifts);
        self.backend.reserve(edits.chain([Edit::Unmap(old)]))
    }

    /// The page table's part: what `head` has goes to `new`, and `old`, all of it, is emptied.
    fn move_entries(
        &mut self,
        old: MemoryArea,
        head: MemoryArea,
        new: MemoryArea,
        mut reserved: B::Reserved,
    ) {
        let mut out = Retired::new();
        self.backend.unmap(new, &mut reserved, &mut out);
        if out.entries() {
            // They wait where others must go: the one verb that may flush twice.
            self.backend.retire(core::mem::take(&mut out), self.asid());
        }
        for (from, to) in pieces(&self.tree, head, new) {
            self.backend.shift(from, to, &mut reserved, &mut out);
        }
        self.backend.unmap(old, &mut reserved, &mut out);
        self.finish(reserved, out);
    }
}

/// What moves from `head` to `new`, map by map: a leaf must not grow across a border, even where physical memory goes on.
fn pieces<T>(
    tree: &Tree<T>,
    head: MemoryArea,
    new: MemoryArea,
) -> impl Iterator<Item = (MemoryArea, MemoryArea)> {
    let maps = tree.iter_from(head.start()).map(MapRef::vmarea);
    let pieces = maps.map_while(move |map| map.intersection(head));
    pieces.filter_map(move |from| {
        let start = new.at(head.offset_of(from.start())?)?;
        Some((from, MemoryArea::from_start_size(start, from.size()).ok()?))
    })
}
