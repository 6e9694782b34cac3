//! Changing permissions.
//!
//! While the verb is under way, entries in the area may disagree with the maps: a panic leaves that for the next verb.

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, check_edit};
use crate::error::MapError;
use crate::flush::Retired;
use crate::map::Payload;
use crate::permissions::Permissions;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Gives everything in `area` these permissions, as `mprotect` does: any part of any number of maps.
    ///
    /// Maps are split at its borders and joined where they have become one. Leaves that are in the page table stay
    /// there, invalid while there are no permissions. Flushes once, unless no valid entry changed. O(log n + maps
    /// touched + leaves touched).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let page = MemoryArea::from_start_size(VirtAddr::new(0x2000), 0x1000)?;
    /// space.protect(page, Permissions::READ | Permissions::WRITE)?;
    /// assert_eq!(space.memory_maps().len(), 3);
    /// space.protect(area, Permissions::READ)?; // they join again
    /// assert_eq!(space.memory_maps().len(), 1);
    /// let wide = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x4000)?;
    /// let hole = MemoryArea::from_start_size(VirtAddr::new(0x4000), 0x1000)?;
    /// assert_eq!(space.protect(wide, Permissions::READ), Err(MapError::NotMapped { hole }));
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// Nothing has changed then:
    /// - [`MapError::Misaligned`], [`MapError::MisalignedSize`]: the area is not whole pages;
    /// - [`MapError::OutOfRange`]: the backend cannot map all of it;
    /// - [`MapError::NotMapped`], with the first hole;
    /// - [`MapError::UnknownPermissions`], [`MapError::WriteWithoutRead`]: no entry can say that;
    /// - [`MapError::OutOfNodes`], when a map is split;
    /// - [`MapError::OutOfFrames`], when a superpage at a border cannot be split.
    pub fn protect(&mut self, area: MemoryArea, permissions: Permissions) -> Result<(), MapError> {
        self.recover();
        self.protect_then(area, permissions, Self::finish)
    }

    /// Changes permissions in a space that is recovered, and leaves what follows the edit of the page table to `flush`:
    /// it is due now, or deferred.
    #[inline]
    pub(super) fn protect_then(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        flush: impl FnOnce(&mut Self, B::Reserved, Retired),
    ) -> Result<(), MapError> {
        let edit = Edit::Protect(area, permissions);
        check_edit(&self.backend, edit)?;
        let change = |_| permissions;
        let (spot, mut reserved) = self.reserve(|tree| tree.reserve_protect(area, change), edit)?;
        self.begin(Unfinished::Permissions(area));
        let mut out = Retired::new();
        self.backend
            .protect(area, permissions, &mut reserved, &mut out);
        flush(self, reserved, out);
        self.tree.protect(area, spot, change);
        self.end();
        Ok(())
    }
}
