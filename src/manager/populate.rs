//! Writing the entries of the maps.
//!
//! Entries go from empty to leaf under `&self`, and nothing is taken out. So many CPUs may be at it, each with a
//! reservation of its own, and there is nothing to flush but what deferred verbs have left.

use super::space::VirtualMemoryManager;
use super::steps::run;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, Run, check_area};
use crate::error::MapError;
use crate::map::Payload;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Writes the page-table entries of all maps in `area`, where they are not there yet.
    ///
    /// Leaves are as large as alignment and size allow. Holes, maps without permissions, and memory that comes when it
    /// is touched ([`prefault`](Self::prefault)) are passed over. Many CPUs may populate at once. What deferred
    /// verbs have left is [settled](Self::settle) first; else there is no flush. The platform hears of new leaves by
    /// [`Tlb::made_valid`](crate::Tlb::made_valid). O(log n + maps touched + leaves + tables).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// assert!(space.backend().access(0, area.start(), Access::Read).is_err());
    /// space.populate(area)?;
    /// assert_eq!(space.backend().access(0, area.start(), Access::Read), Ok(memory.start()));
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// No entry has been written then:
    /// - [`MapError::Misaligned`], [`MapError::MisalignedSize`]: the area is not whole pages;
    /// - [`MapError::OutOfRange`]: the backend cannot map all of it;
    /// - [`MapError::OutOfFrames`], with the number of frames that the tables need;
    /// - [`MapError::Unfinished`], where a verb has panicked.
    pub fn populate(&self, area: MemoryArea) -> Result<(), MapError> {
        check_area(&self.backend, area)?;
        if let Some(stale) = self.unfinished.concerns(area) {
            return Err(MapError::Unfinished { area: stale });
        }
        self.populate_runs(|| self.runs(area))
    }

    /// Writes the page-table entries of all maps, as [`populate`](Self::populate) does for those in an area.
    /// O(maps + leaves + tables).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// space.add_memory_map(VirtualMemoryMap::identity(area, Permissions::READ)?)?;
    /// space.populate_all()?;
    /// assert!(space.backend().access(0, area.start(), Access::Read).is_ok());
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// No entry has been written then:
    /// - [`MapError::OutOfFrames`], with the number of frames that the tables need;
    /// - [`MapError::Unfinished`], where a verb has panicked.
    pub fn populate_all(&self) -> Result<(), MapError> {
        let ranges = self.backend.ranges();
        let stale = |&range: &MemoryArea| self.unfinished.concerns(range);
        if let Some(area) = ranges.iter().find_map(stale) {
            return Err(MapError::Unfinished { area });
        }
        self.populate_runs(|| ranges.iter().flat_map(|&range| self.runs(range)))
    }

    /// Writes the entries of these runs, or none of them.
    fn populate_runs<I: Iterator<Item = Run>>(&self, runs: impl Fn() -> I) -> Result<(), MapError> {
        self.settle_beside();
        let mut reserved = self.backend.reserve(runs().map(Edit::Map))?;
        runs().for_each(|run| self.backend.map(run, &mut reserved));
        self.backend.unreserve(reserved);
        Ok(())
    }

    /// The maps in `area` that have any permission, cut at its borders: a run for each.
    fn runs(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        let maps = self.memory_maps_in(area);
        maps.filter(|map| map.permissions().allow_any())
            .filter_map(move |map| run(map)?.intersection(area))
    }
}
