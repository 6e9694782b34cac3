//! A map that was not taken comes back with the reason.
//!
//! A payload may be worth keeping, or own memory: so the map is part of the error, and no verb drops it unasked.

use core::error::Error;
use core::fmt;

use crate::error::MapError;
use crate::map::VirtualMemoryMap;

/// A map that a verb refused, and the reason.
///
/// With `?` it becomes the plain [`MapError`], and the map is dropped.
///
/// ```
/// # use kernel_vm::{backend::mock::NoPageTable, *};
/// # let mut space = VirtualMemoryManager::new(NoPageTable::new());
/// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x1234)?; // not whole pages
/// let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x1234)?;
/// let map = VirtualMemoryMap::new(area, memory, Permissions::READ, false)?;
/// let refused = space.add_memory_map(map).unwrap_err();
/// assert_eq!(refused.error(), MapError::MisalignedSize { size: 0x1234, align: 0x1000 });
/// assert_eq!(refused.into_map(), map);
/// # Ok::<(), MapError>(())
/// ```
#[derive(PartialEq, Eq)]
pub struct Refused<T> {
    error: MapError,
    map: VirtualMemoryMap<T>,
}

impl<T> Refused<T> {
    pub(super) const fn new(error: MapError, map: VirtualMemoryMap<T>) -> Self {
        Self { error, map }
    }

    /// The reason why the map was refused.
    #[must_use]
    pub const fn error(&self) -> MapError {
        self.error
    }

    /// The map, as it was given to the verb, payload and all.
    #[must_use]
    pub fn into_map(self) -> VirtualMemoryMap<T> {
        self.map
    }
}

impl<T> From<Refused<T>> for MapError {
    fn from(refused: Refused<T>) -> Self {
        refused.error
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("error", &self.error)
            .field("map", &self.map)
            .finish()
    }
}

impl<T> Error for Refused<T> {}
