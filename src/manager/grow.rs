//! Growing the last map of an area: `remap` to more bytes.

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::area::MemoryArea;
use crate::backend::{PageTableBackend, check_area};
use crate::error::MapError;
use crate::map::{Backing, MapRef, Payload, VirtualMemoryMap};

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Moves `old` to the beginning of `new`, which is larger, and lets the last map there go on to the end of `new`.
    pub(super) fn grow(
        &mut self,
        old: MemoryArea,
        new: MemoryArea,
        out: &mut impl Extend<VirtualMemoryMap<T>>,
    ) -> Result<(), MapError> {
        let Some((place, more)) = new.split_at(old.size()) else {
            return Err(MapError::CannotGrow { old, new });
        };
        self.check_growth(old, new, more)?;
        if place.start() != old.start() {
            if new.overlaps(&old) {
                return Err(MapError::MovesOntoItself { old, new });
            }
            self.remap_into(old, place, out)?;
        }
        self.begin(Unfinished::Joins);
        self.tree.extend(place.end(), new.end());
        self.end();
        Ok(())
    }

    /// Whether the last map in `old` may grow over `more`: its memory comes when it is touched, and nothing is in the
    /// way, neither there nor behind the map where it is.
    fn check_growth(
        &self,
        old: MemoryArea,
        new: MemoryArea,
        more: MemoryArea,
    ) -> Result<(), MapError> {
        let last = self.find(old.end());
        let is_last_anonymous = |map: &MapRef<'_, T>| {
            map.backing() == Backing::Anonymous && map.vmarea().end() == old.end()
        };
        if last.filter(is_last_anonymous).is_none() {
            return Err(MapError::CannotGrow { old, new });
        }
        check_area(&self.backend, new)?;
        match self.tree.first_overlap(more) {
            Some(existing) if !old.contains_area(existing) => Err(MapError::Overlap { existing }),
            _ => Ok(()),
        }
    }
}
