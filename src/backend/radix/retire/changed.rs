//! The changes of one edit, until its caller is told.

use crate::area::MemoryArea;
use crate::flush::Retired;

/// The changes of one edit within one canonical range.
///
/// An edit meets thousands of words, and a [`Retired`] looks for neighbours at each note. Here a note only grows a
/// hull; the caller is told once, at the end. The hull of two areas in a canonical range lies in it.
#[derive(Default)]
pub(crate) struct Changed {
    /// The hull of translations that were valid, and so may be cached.
    valid: Option<MemoryArea>,
    /// Whether a table was taken out.
    tables: bool,
    /// The hull of retired words.
    waiting: Option<MemoryArea>,
    /// Whether nothing can be mapped at some of those before the flush: owned frames wait there, or leaves that must be
    /// flushed first. A table that waits without such leaves can be filled and put back.
    entries: bool,
}

impl Changed {
    /// Notes that translations in `area` were valid. O(1).
    pub(crate) fn leaves(&mut self, area: MemoryArea) {
        grow(&mut self.valid, area);
    }

    /// Notes that a table for `area` was taken out; `waits` says whether nothing may be mapped there before the flush.
    /// O(1).
    pub(crate) fn table(&mut self, area: MemoryArea, waits: bool) {
        self.leaves(area);
        self.tables = true;
        grow(&mut self.waiting, area);
        self.entries |= waits;
    }

    /// Whether it was noted that nothing can be mapped somewhere before the flush. O(1).
    pub(crate) const fn has_entries(&self) -> bool {
        self.entries
    }

    /// Notes that leaves in `area` left retired words behind. O(1).
    pub(crate) fn entries(&mut self, area: MemoryArea) {
        grow(&mut self.waiting, area);
        self.entries = true;
    }

    /// Tells `out` of all changes. O(1).
    pub(crate) fn tell(self, out: &mut Retired) {
        self.valid.into_iter().for_each(|area| out.note(area));
        if self.tables {
            out.note_tables();
        }
        if self.entries {
            out.note_entries();
        }
        self.waiting
            .into_iter()
            .for_each(|area| out.note_waiting(area));
    }
}

fn grow(hull: &mut Option<MemoryArea>, area: MemoryArea) {
    *hull = Some(hull.map_or(area, |hull| hull.hull(area).unwrap_or(hull)));
}
