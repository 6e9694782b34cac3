//! Recording a map.

use super::refused::Refused;
use super::space::VirtualMemoryManager;
use crate::backend::PageTableBackend;
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Records `map`, and joins it with neighbours that it continues. The page table has its entries when it is
    /// [populated](Self::populate). O(log n), and a sorted vector's moves.
    ///
    /// # Errors
    /// The map comes back, and nothing has changed:
    /// [`MapError::Misaligned`], [`MapError::MisalignedSize`] and [`MapError::MisalignedPhys`] unless it is whole
    /// pages; [`MapError::OutOfRange`] and [`MapError::PhysOutOfRange`] where the backend cannot map;
    /// [`MapError::WriteWithoutRead`]; [`MapError::UnsupportedMemoryType`]; [`MapError::Overlap`] with the first map
    /// in the way; [`MapError::OutOfNodes`].
    pub fn add_memory_map(&mut self, map: VirtualMemoryMap<T>) -> Result<(), Refused<T>> {
        match self.check_free(&map).and_then(|()| self.tree.reserve(1)) {
            Ok(()) => {
                self.tree.insert(map);
                Ok(())
            }
            Err(error) => Err(Refused::new(error, map)),
        }
    }

    /// Whether `map` can be added.
    pub(super) fn check_free(&self, map: &VirtualMemoryMap<T>) -> Result<(), MapError> {
        self.check(map)?;
        match self.tree.first_overlap(map.vmarea()) {
            Some(existing) => Err(MapError::Overlap { existing }),
            None => Ok(()),
        }
    }
}
