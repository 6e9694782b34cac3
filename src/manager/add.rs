//! Recording a map.

use super::refused::Refused;
use super::space::VirtualMemoryManager;
use super::steps::run;
use super::unfinished::Unfinished;
use crate::backend::{Edit, PageTableBackend, check_edit};
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Records `map`, and joins it with neighbours that it continues. The page table has its entries when it is
    /// [populated](Self::populate). O(log n).
    ///
    /// # Errors
    /// The map comes back, and nothing has changed:
    /// [`MapError::Misaligned`], [`MapError::MisalignedSize`] and [`MapError::MisalignedPhys`] unless it is whole
    /// pages; [`MapError::OutOfRange`] and [`MapError::PhysOutOfRange`] where the backend cannot map;
    /// [`MapError::WriteWithoutRead`]; [`MapError::UnsupportedMemoryType`]; [`MapError::Overlap`] with the first map
    /// in the way; [`MapError::OutOfNodes`].
    pub fn add_memory_map(&mut self, map: VirtualMemoryMap<T>) -> Result<(), Refused<T>> {
        self.recover();
        let checked: Result<(), MapError> = check_edit(&self.backend, Edit::Map(run(map.view())));
        let added = match checked {
            Ok(()) => {
                self.begin(Unfinished::Joins);
                let added = self.tree.add(map);
                self.end();
                added
            }
            Err(error) => Err((error, map)),
        };
        added.map_err(|(error, map)| Refused::new(error, map))
    }
}
