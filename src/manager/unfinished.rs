//! Verbs that a panic has ended.
//!
//! A verb calls code that is not this crate's: the platform's hooks, payloads, and the collection that takes the pieces
//! that are cut out. When one of them panics and the caller catches that, the maps are sound, and so is the page table.
//!
//! But maps that could be one may be apart, and entries may say of an area something else than its maps do. The space
//! remembers that, and the next verb that changes the layout begins with putting it right. No destructor is needed for
//! it: the note is made before the verb's first edit, and taken back at its end.

use super::space::VirtualMemoryManager;
use crate::area::MemoryArea;
use crate::backend::PageTableBackend;
use crate::flush::Retired;
use crate::map::Payload;

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
}

impl Unfinished {
    /// Where entries may disagree with their maps.
    pub(super) const fn area(self) -> Option<MemoryArea> {
        match self {
            Self::Nothing | Self::Joins => None,
            Self::Entries(area) | Self::Permissions(area) => Some(area),
        }
    }
}

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Begins a verb: puts right whatever one before it has left. O(1) unless that panicked.
    #[inline]
    pub(super) fn recover(&mut self) {
        if self.unfinished != Unfinished::Nothing {
            self.recover_entries();
            self.tree.join_all();
            self.end();
        }
    }

    /// Empties the entries that may lead elsewhere than their maps, which faults and `populate` make anew, and lets
    /// others allow as much as their maps. Maps stay as they are.
    #[cold]
    pub(super) fn recover_entries(&mut self) {
        match self.unfinished {
            Unfinished::Nothing | Unfinished::Joins => return,
            Unfinished::Entries(area) => self.clear(area, B::Reserved::default()),
            Unfinished::Permissions(area) => self.recover_permissions(area),
        }
        self.unfinished = Unfinished::Joins;
    }

    /// Pages that the space owns keep their data. A leaf of physical memory may reach past the area, and be split only
    /// with a reservation: it is emptied.
    fn recover_permissions(&mut self, area: MemoryArea) {
        let Self { backend, tree, .. } = self;
        let (mut none, mut out) = (B::Reserved::default(), Retired::new());
        for map in tree.iter_from(area.start()) {
            let Some(part) = map.vmarea().intersection(area) else {
                break;
            };
            if map.first().is_some() {
                backend.unmap(part, &mut none, &mut out);
            } else {
                backend.protect(part, map.permissions(), &mut none, &mut out);
            }
        }
        self.finish(none, out);
    }

    /// Notes the work that is left to be done if the verb does not come to its [end](Self::end).
    #[inline]
    pub(super) const fn begin(&mut self, left: Unfinished) {
        self.unfinished = left;
    }

    /// Ends a verb: nothing is left to be done, and nodes that the next one is not likely to want go back.
    #[inline]
    pub(super) fn end(&mut self) {
        self.unfinished = Unfinished::Nothing;
        self.tree.trim();
    }
}
