//! Mapping, with the entries.

use super::refused::Refused;
use super::space::VirtualMemoryManager;
use super::steps::{check_map, run};
use super::unfinished::Unfinished;
use crate::backend::{Edit, PageTableBackend};
use crate::map::{Payload, VirtualMemoryMap};

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Records a map and writes its entries, or does neither: [`add_memory_map`](Self::add_memory_map) and
    /// [`populate`](Self::populate) in one. Memory that comes when it is touched is recorded only.
    /// O(log n + leaves + tables).
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.map(VirtualMemoryMap::identity(area, rw)?)?;
    /// assert_eq!(space.resident(area).count(), 3);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Nothing has changed, and the map comes back: those of both.
    pub fn map(&mut self, map: VirtualMemoryMap<T>) -> Result<(), Refused<T>> {
        self.recover();
        if let Err(error) = check_map(&self.backend, map.view()) {
            return Err(Refused::new(error, map));
        }
        let run = run(map.view()).filter(|run| run.attributes.permissions.allow_any());
        let mut reserved = match self.backend.reserve(run.map(Edit::Map).into_iter()) {
            Ok(reserved) => reserved,
            Err(error) => return Err(Refused::new(error, map)),
        };
        self.begin(Unfinished::Joins);
        let added = self.tree.add(map);
        self.end();
        if let (Ok(()), Some(run)) = (&added, run) {
            self.backend.map_exclusive(run, &mut reserved);
        }
        self.backend.unreserve(reserved);
        added.map_err(|(error, map)| Refused::new(error, map))
    }
}
