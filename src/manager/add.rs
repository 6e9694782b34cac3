//! Recording a map.
//!
//! The one verb that edits the tree alone: entries are written when the map is populated.

use super::refused::Refused;
use super::space::VirtualMemoryManager;
use super::steps::check_map;
use super::unfinished::Unfinished;
use crate::backend::PageTableBackend;
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Records `map`, and joins it with neighbours that it continues.
    ///
    /// The page table has its entries when it is [populated](Self::populate). O(log n); no flush.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// let map = VirtualMemoryMap::new(area, memory, Permissions::READ, false)?;
    /// space.add_memory_map(map)?;
    /// let refused = space.add_memory_map(map).unwrap_err();
    /// assert_eq!(refused.error(), MapError::Overlap { existing: area });
    /// assert_eq!(refused.into_map(), map);
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// The map comes back, and nothing has changed:
    /// - [`MapError::Misaligned`], [`MapError::MisalignedSize`], [`MapError::MisalignedPhys`]: it is not whole pages;
    /// - [`MapError::OutOfRange`], [`MapError::PhysOutOfRange`]: the backend cannot map there;
    /// - [`MapError::WriteWithoutRead`], [`MapError::UnsupportedMemoryType`]: no entry can say that;
    /// - [`MapError::Overlap`], with the first map in the way;
    /// - [`MapError::OutOfNodes`].
    pub fn add_memory_map(&mut self, map: VirtualMemoryMap<T>) -> Result<(), Refused<T>> {
        self.recover();
        let checked: Result<(), MapError> = check_map(&self.backend, map.view());
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
