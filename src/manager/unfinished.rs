//! Verbs that a panic has ended.
//!
//! A verb calls code that is not this crate's: the platform's hooks, payloads, and the collection that takes the pieces
//! that are cut out. When one of them panics and the caller catches that, the maps are sound, and so is the page table.
//!
//! But maps that could be one may be apart, and entries may say of an area something else than its maps do. The space
//! remembers that, and the next verb that changes the layout begins with putting it right. No destructor is needed for
//! it: the note is made before the verb's first edit, and taken back at its end.

use crate::area::MemoryArea;

/// Work that a verb leaves behind when a panic ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// No verb was ended by a panic.
    Nothing,
    /// Maps that have become one may be apart.
    Joins,
    /// That, and entries in this area may lead elsewhere than its maps do.
    Entries(MemoryArea),
    /// That, and entries in this area may allow something else than its maps do.
    Permissions(MemoryArea),
    /// That, and any entries may be missing, or wait for their flush.
    Anywhere,
}

impl Unfinished {
    /// Whether entries may wait for a flush that was never made, here or in tables around.
    pub(super) fn may_wait(self) -> bool {
        !matches!(self, Self::Nothing | Self::Joins)
    }

    /// Where entries may disagree with their maps, if that concerns `area`.
    pub(super) fn concerns(self, area: MemoryArea) -> Option<MemoryArea> {
        match self {
            Self::Nothing | Self::Joins => None,
            Self::Entries(stale) | Self::Permissions(stale) => {
                stale.overlaps(&area).then_some(stale)
            }
            Self::Anywhere => Some(area),
        }
    }
}
