//! A slot of a table, and the part of it that an edit speaks of.

use core::ops::Range;
use core::sync::atomic::AtomicU64;

use super::table::{Table, any_with, index, span};
use crate::addr::VirtAddr;
use crate::area::{Block, MemoryArea};

/// A slot of a table, and the part of it that an edit speaks of.
///
/// ```text
///             ├── whole ──────────┤
///  slots  ┊   │       slot        │                   │
///  area   ┊        ████████████████████████
///                  ├── piece ─────┤
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// The number of the slot, less than [`ENTRIES`](super::table::ENTRIES).
    index: usize,
    part: Block,
}

/// The slots for `area` in address order; `area` lies within one table at `level`.
pub(crate) fn slots(area: MemoryArea, level: usize) -> impl Iterator<Item = Slot> {
    area.blocks(span(level)).map(move |part| Slot {
        index: index(part.piece.start(), level),
        part,
    })
}

/// Hands on the slots for `area` whose words are not empty, with those words, in address order; `area` lies within one
/// table at `level`. O(entries), and little for those that are empty.
#[inline]
pub(crate) fn each_filled(
    table: &Table,
    area: MemoryArea,
    level: usize,
    mut each: impl FnMut(Slot, u64),
) {
    let first = index(area.start(), level);
    let words = table.get(first..=index(area.end(), level));
    let start = MemoryArea::block(area.start(), span(level)).start();
    any_with(words.unwrap_or_default(), u64::MAX, |number, word| {
        let at = VirtAddr::new(start.get() + number * span(level));
        let block = MemoryArea::block(at, span(level));
        if let Some(piece) = block.intersection(area) {
            let index = first + number;
            let part = Block { block, piece };
            each(Slot { index, part }, word);
        }
        false
    });
}

impl Slot {
    /// The part of the slot that the edit speaks of.
    pub(crate) fn piece(self) -> MemoryArea {
        self.part.piece
    }

    /// The addresses that the slot spans.
    pub(crate) fn whole(self) -> MemoryArea {
        self.part.block
    }

    /// Whether the edit speaks of all of the slot.
    pub(crate) fn is_whole(self) -> bool {
        self.part.is_whole()
    }

    /// The number of the slot.
    pub(crate) const fn index(self) -> usize {
        self.index
    }

    /// The number of the slot, as a row of one.
    pub(crate) const fn alone(self) -> Range<usize> {
        self.index..self.index + 1
    }

    /// The word of the slot in its table.
    #[expect(
        clippy::indexing_slicing,
        reason = "`index` answers less than the number of entries"
    )]
    pub(crate) fn of(self, table: &Table) -> &AtomicU64 {
        &table[self.index]
    }

    /// The word of the slot in a table that nobody else sees: a plain store will do.
    #[expect(
        clippy::indexing_slicing,
        reason = "`index` answers less than the number of entries"
    )]
    pub(crate) fn of_new(self, table: &mut Table) -> &mut u64 {
        table[self.index].get_mut()
    }
}
