//! Changing permissions.

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, check_edit};
use crate::error::MapError;
use crate::flush::Retired;
use crate::map::Payload;
use crate::permissions::Permissions;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Gives everything in `area` these permissions, as `mprotect` does: any part of any number of maps, which are
    /// split at its borders and joined where they have become one. What is in the page table stays there, invalid
    /// while there are no permissions. Flushes once, unless no valid entry changed.
    /// O(log n + maps touched + leaves touched).
    ///
    /// # Errors
    /// Nothing has changed then: [`MapError::NotMapped`] with the first hole; [`MapError::UnknownPermissions`],
    /// [`MapError::WriteWithoutRead`]; [`MapError::Misaligned`], [`MapError::MisalignedSize`],
    /// [`MapError::OutOfRange`]; [`MapError::OutOfNodes`]; [`MapError::OutOfFrames`] when a superpage at a border
    /// cannot be split.
    pub fn protect(&mut self, area: MemoryArea, permissions: Permissions) -> Result<(), MapError> {
        self.recover();
        let edit = Edit::Protect(area, permissions);
        check_edit(&self.backend, edit)?;
        let (spot, mut reserved) =
            self.reserve(|tree| tree.reserve_protect(area, permissions), edit)?;
        self.begin(Unfinished::Entries(area));
        let mut out = Retired::new();
        self.backend
            .protect(area, permissions, &mut reserved, &mut out);
        self.finish(reserved, out);
        self.tree.protect(area, spot, permissions);
        self.end();
        Ok(())
    }
}
