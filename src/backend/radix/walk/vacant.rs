//! How full a table is.

use core::ops::Range;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use super::cut::Cut;
use super::table::{Table, span};
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::is_vacant;

/// Whether nothing is left in a table but empty entries and retired words, so that it may be taken out. O(entries).
pub(crate) fn all_vacant<F: Format>(table: &Table) -> bool {
    let mut words = table.iter();
    words.all(|word| is_vacant::<F>(word.load(Relaxed)))
}

/// The slots of the pages in `area`, from the first that is not empty to the last, and the pages that they are for;
/// `None` when all are empty. An area is mostly larger than its content: an edit goes over the content alone.
pub(crate) fn populated(table: &Table, area: MemoryArea) -> Option<(Range<usize>, MemoryArea)> {
    let slots = Cut::new(area, 0).slots();
    let words = table.get(slots.clone())?;
    let is_there = |word: &AtomicU64| word.load(Relaxed) != 0;
    let first = words.iter().position(is_there)?;
    let last = words.iter().rposition(is_there)?;
    let start = area.start().checked_add(first * span(0))?;
    let size = (last - first + 1) * span(0);
    let area = MemoryArea::from_start_size(start, size).ok()?;
    Some((slots.start + first..slots.start + last + 1, area))
}
