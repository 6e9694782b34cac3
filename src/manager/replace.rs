//! Mapping over whatever is there.

use super::refused::Refused;
use super::space::VirtualMemoryManager;
use super::steps::run;
use super::unfinished::Unfinished;
use super::unmap::Discard;
use crate::backend::{Edit, PageTableBackend, check_edit};
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};
use crate::tree::{Relief, Spot};

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Records `map` in place of whatever was there, as `mmap` does with `MAP_FIXED`: any part of any number of maps,
    /// and holes. The pieces that are cut out are dropped. Costs as [`unmap`](Self::unmap) and
    /// [`add_memory_map`](Self::add_memory_map).
    ///
    /// # Errors
    /// The map comes back, and nothing has changed: as [`add_memory_map`](Self::add_memory_map), overlaps aside;
    /// [`MapError::OutOfFrames`] when a superpage at a border cannot be split.
    pub fn replace_memory_map(&mut self, map: VirtualMemoryMap<T>) -> Result<(), Refused<T>> {
        self.replace_memory_map_into(map, &mut Discard)
    }

    /// As [`replace_memory_map`](Self::replace_memory_map), and hands the pieces that are cut out to `out`, in address
    /// order, when nobody reaches their memory any more.
    ///
    /// # Errors
    /// As [`replace_memory_map`](Self::replace_memory_map); `out` is untouched then.
    pub fn replace_memory_map_into(
        &mut self,
        map: VirtualMemoryMap<T>,
        out: &mut impl Extend<VirtualMemoryMap<T>>,
    ) -> Result<(), Refused<T>> {
        self.recover();
        let reserved = match self.reserve_replace(&map) {
            Ok(reserved) => reserved,
            Err(error) => return Err(Refused::new(error, map)),
        };
        self.begin(Unfinished::Joins);
        self.clear(map.vmarea(), reserved);
        self.tree.cut(map.vmarea(), Spot::Tight, |piece| {
            out.extend(Some(piece));
        });
        self.tree.insert(map, Relief::Redistribute);
        self.end();
        Ok(())
    }

    fn reserve_replace(&mut self, map: &VirtualMemoryMap<T>) -> Result<B::Reserved, MapError> {
        let area = map.vmarea();
        check_edit(&self.backend, Edit::Map(run(map.view())))?;
        let ((), reserved) = self.reserve(|tree| tree.reserve_replace(area), Edit::Unmap(area))?;
        Ok(reserved)
    }
}
