//! A map that was not taken comes back with the reason.

use core::error::Error;
use core::fmt;

use crate::error::MapError;
use crate::map::VirtualMemoryMap;

/// A map that a verb refused, and why. With `?` it becomes the plain [`MapError`], and the map is dropped.
#[derive(PartialEq, Eq)]
pub struct Refused<T> {
    error: MapError,
    map: VirtualMemoryMap<T>,
}

impl<T> Refused<T> {
    pub(super) const fn new(error: MapError, map: VirtualMemoryMap<T>) -> Self {
        Self { error, map }
    }

    /// Why.
    #[must_use]
    pub const fn error(&self) -> MapError {
        self.error
    }

    /// The map, as it was given.
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
