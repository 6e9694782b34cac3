//! Moving and shrinking.
//!
//! With the words of the code: `old` is the area that the caller names, and `new` the place to move to. `head` is the
//! part of `old` that moves, as long as `new`; `tail` is the rest, which is unmapped.

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
    /// Moves all maps in `old` to `new`, as `mremap` does: any part of any number of maps.
    ///
    /// Whatever was at `new` is replaced. Physical memory, permissions and payloads stay as they are; pages that were
    /// in the page table are so at their new place. Where `new` is smaller, the rest of `old` is unmapped, holes and
    /// all; where both start at the same place, that is all that happens. Where `new` is larger, the last map in `old`
    /// grows, if it is anonymous and nothing is in the way. The pieces that are cut out are dropped.
    ///
    /// Flushes once, unless no entry was valid; twice when pages at `new` are replaced whose frames the page table
    /// owns. O(log n + maps touched + leaves moved + tables touched).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// space.populate(area)?;
    /// let new = MemoryArea::from_start_size(VirtAddr::new(0x9000), 0x3000)?;
    /// space.remap(area, new)?;
    /// assert_eq!(space.backend().access(0, new.start(), Access::Read), Ok(memory.start()));
    /// assert!(space.backend().access(0, area.start(), Access::Read).is_err());
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// Nothing has changed then:
    /// - [`MapError::Misaligned`], [`MapError::MisalignedSize`]: one of the areas is not whole pages;
    /// - [`MapError::OutOfRange`]: the backend cannot map all of one of them;
    /// - [`MapError::CannotGrow`], when `new` is larger, and the last map in `old` is not anonymous or goes on behind
    ///   it;
    /// - [`MapError::Overlap`], with the map that is in the way of one that grows;
    /// - [`MapError::MovesOntoItself`], when the areas overlap but start apart;
    /// - [`MapError::NotMapped`], with the first hole in the part that should move;
    /// - [`MapError::OutOfNodes`], [`MapError::OutOfFrames`].
    pub fn remap(&mut self, old: MemoryArea, new: MemoryArea) -> Result<(), MapError> {
        self.remap_into(old, new, &mut Discard)
    }

    /// Moves maps as [`remap`](Self::remap) does, and hands the pieces that are cut out to `out`.
    ///
    /// Those at `new` come first, then those of the rest of `old`, when nobody reaches their memory any more.
    /// O(log n + maps touched + leaves moved + tables touched).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let shorter = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x1000)?;
    /// let mut out = Vec::new();
    /// space.remap_into(area, shorter, &mut out)?;
    /// assert_eq!(out[0].vmarea(), MemoryArea::from_start_size(VirtAddr::new(0x2000), 0x2000)?);
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`remap`](Self::remap): nothing has changed, and `out` is untouched.
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
            return self.grow(old, new, out);
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

    /// Sets aside all that the page table needs for the move, from the emptying of `new` to that of `old`.
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

    /// Moves the entries: those of `head` go to `new`, and `old`, all of it, is emptied. Flushes.
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
            // Entries wait where others must go: the one verb that may flush twice.
            self.backend.retire(core::mem::take(&mut out), self.asid());
        }
        for (from, to) in pieces(&self.tree, head, new) {
            self.backend.shift(from, to, &mut reserved, &mut out);
        }
        self.backend.unmap(old, &mut reserved, &mut out);
        self.finish(reserved, out);
    }
}

/// The pieces of `head` with their places in `new`, map by map: a leaf must not grow across a border, even where
/// physical memory goes on.
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
