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
use crate::map::Payload;

/// Work that a verb leaves behind when a panic ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// No verb was ended by a panic.
    Nothing,
    /// Maps that have become one may be apart.
    Joins,
    /// Maps may be apart, and entries in this area may disagree with its maps.
    Entries(MemoryArea),
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

    /// Empties the entries that may disagree with their maps, which stay as they are.
    ///
    /// The page table is a cache of the maps: it is made again when they are populated.
    #[cold]
    pub(super) fn recover_entries(&mut self) {
        if let Unfinished::Entries(area) = self.unfinished {
            self.clear(area, B::Reserved::default());
            self.unfinished = Unfinished::Joins;
        }
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
