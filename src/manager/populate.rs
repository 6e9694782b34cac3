//! Writing the entries of what is mapped.

use super::space::VirtualMemoryManager;
use super::steps::run;
use super::unfinished::Unfinished;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, Run, check_area};
use crate::error::MapError;
use crate::map::Payload;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Writes the page-table entries of everything that is mapped in `area` and not there yet, with leaves as large as
    /// alignment and size allow. Holes, and maps without permissions, are passed over. Many CPUs may populate at once.
    /// O(log n + maps touched + leaves + tables).
    ///
    /// # Errors
    /// No entry has been written then: [`MapError::OutOfFrames`]; [`MapError::Misaligned`],
    /// [`MapError::MisalignedSize`], [`MapError::OutOfRange`]; [`MapError::Unfinished`] where a verb has panicked.
    pub fn populate(&self, area: MemoryArea) -> Result<(), MapError> {
        check_area(&self.backend, area)?;
        match self.unfinished {
            Unfinished::Entries(stale) if stale.overlaps(&area) => {
                return Err(MapError::Unfinished { area: stale });
            }
            _ => {}
        }
        let mut reserved = self.backend.reserve(self.runs(area).map(Edit::Map))?;
        self.runs(area)
            .for_each(|run| self.backend.map(run, &mut reserved));
        self.backend.unreserve(reserved);
        Ok(())
    }

    /// What is mapped in `area` with any permission, a run a map.
    fn runs(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        let maps = self.memory_maps_in(area);
        maps.filter(|map| map.permissions().allow_any())
            .filter_map(move |map| run(map).intersection(area))
    }
}
