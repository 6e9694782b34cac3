//! How a child inherits memory, and why it may not.

use core::fmt;

use crate::area::MemoryArea;
use crate::backend::Unshared;
use crate::error::MapError;
use crate::frame::ShareError;
use crate::map::{Backing, MapRef};

/// How a child gets the memory of a map, by [`fork_into`](crate::VirtualMemoryManager::fork_into).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Inherit {
    /// Both have the memory: of physical maps, and of provided ones that are shared. The child gets the map alone, and
    /// its pages by faults.
    Share,
    /// Both have the pages until one of them writes: of anonymous maps, and of provided ones that are private. Frames
    /// must be counted.
    CopyOnWrite,
    /// The child gets pages of its own at once: of anonymous maps, and of provided ones that are private. So a frame
    /// that is [pinned](crate::VirtualMemoryManager::pin) stays the parent's, whoever writes first; none need be
    /// counted.
    Copy,
}

impl Inherit {
    /// What POSIX says: private memory is copied on write, and all other is shared. The payload is cloned.
    ///
    /// It is made to be given to [`fork_into`](crate::VirtualMemoryManager::fork_into) as it is. O(1), and one clone.
    #[must_use]
    pub fn posix<T: Clone>(map: MapRef<'_, T>) -> Option<(Self, T)> {
        let how = if is_private(map) {
            Self::CopyOnWrite
        } else {
            Self::Share
        };
        Some((how, map.payload().clone()))
    }

    /// Whether a map can be inherited so.
    pub(crate) fn suits<T>(self, map: MapRef<'_, T>) -> bool {
        match self {
            Self::Share => !is_private(map),
            Self::CopyOnWrite | Self::Copy => is_private(map),
        }
    }
}

/// Whether the pages of a map are its space's own. Anonymous memory always is; physical memory never.
pub(crate) fn is_private<T>(map: MapRef<'_, T>) -> bool {
    match map.backing() {
        Backing::Physical => false,
        Backing::Anonymous => true,
        Backing::Provided => !map.is_shared(),
    }
}

/// Why a space has no child. The parent is as before, and the child is empty unless a variant says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForkError {
    /// The child is not empty. It is as before.
    NotEmpty,
    /// The child's page table has another allocator, so frames cannot be in both. The child is as before.
    ForeignAllocator,
    /// A map cannot be inherited so: see [`Inherit`].
    Unsuited {
        /// Where the map is.
        area: MemoryArea,
        /// How it was to be inherited.
        inherit: Inherit,
    },
    /// There is no further reference to a page's frame.
    Share(ShareError),
    /// The child's maps or its page table refuse: [`MapError::OutOfNodes`], [`MapError::OutOfFrames`], or those of
    /// [`add_memory_map`](crate::VirtualMemoryManager::add_memory_map).
    Map(MapError),
}

impl fmt::Display for ForkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEmpty => f.write_str("child has maps already"),
            Self::ForeignAllocator => f.write_str("child has another frame allocator"),
            Self::Unsuited { area, inherit } => {
                write!(f, "map at {area} cannot be inherited by {inherit:?}")
            }
            Self::Share(error) => error.fmt(f),
            Self::Map(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ForkError {}

impl From<MapError> for ForkError {
    fn from(error: MapError) -> Self {
        Self::Map(error)
    }
}

impl From<Unshared> for ForkError {
    fn from(error: Unshared) -> Self {
        match error {
            Unshared::Share(error) => Self::Share(error),
            Unshared::Map(error) => Self::Map(error),
        }
    }
}
