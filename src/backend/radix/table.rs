//! The geometry of tables: which slot speaks of which addresses.

use core::sync::atomic::AtomicU64;

use crate::addr::VirtAddr;
use crate::area::{Block, MemoryArea};
use crate::frame::FRAME_SIZE;

/// The words of a table.
pub(super) const ENTRIES: usize = 512;

/// One table. Its words are atomic: the MMU reads them at any time, and other CPUs may add leaves.
pub(super) type Table = [AtomicU64; ENTRIES];

/// How many bytes one slot at `level` spans.
pub(super) const fn span(level: usize) -> usize {
    FRAME_SIZE << (9 * level)
}

/// Which slot of its table at `level` speaks of `addr`.
pub(super) const fn index(addr: VirtAddr, level: usize) -> usize {
    (addr.get() / span(level)) % ENTRIES
}

/// A slot, and the part of it that an edit speaks of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    index: usize,
    part: Block,
}

/// The slots at `level` that speak of `area`, which lies within one table at that level.
pub(super) fn slots(area: MemoryArea, level: usize) -> impl Iterator<Item = Slot> {
    area.blocks(span(level)).map(move |part| Slot {
        index: index(part.piece.start(), level),
        part,
    })
}

impl Slot {
    /// What the edit wants of it.
    pub(super) fn piece(self) -> MemoryArea {
        self.part.piece
    }

    /// All that it spans.
    pub(super) fn whole(self) -> MemoryArea {
        self.part.block
    }

    /// Whether the edit wants all of it.
    pub(super) fn is_whole(self) -> bool {
        self.part.is_whole()
    }

    /// Its word.
    #[expect(
        clippy::indexing_slicing,
        reason = "`index` answers less than the number of entries"
    )]
    pub(super) fn of(self, table: &Table) -> &AtomicU64 {
        &table[self.index]
    }
}
