//! The geometry of tables: which slot speaks of which addresses.

use core::ops::Range;
use core::sync::atomic::AtomicU64;

use crate::addr::VirtAddr;
use crate::area::{Block, MemoryArea};
use crate::backend::radix::entry::format::Format;
use crate::frame::FRAME_SIZE;

/// The words of a table.
pub(crate) const ENTRIES: usize = 512;

/// One table. Its words are atomic: the MMU reads them at any time, and other CPUs may add leaves.
pub(crate) type Table = [AtomicU64; ENTRIES];

/// How many bytes one slot at `level` spans.
pub(crate) const fn span(level: usize) -> usize {
    FRAME_SIZE << (9 * level)
}

/// Whether leaves at `level` can map whole slots to frames that are `distance` behind their pages.
#[inline]
pub(crate) const fn leaves_fit<F: Format>(distance: u64, level: usize) -> bool {
    level <= F::HIGHEST_LEAF && distance % span(level) as u64 == 0
}

/// Which slot of its table at `level` speaks of `addr`.
#[inline]
pub(crate) const fn index(addr: VirtAddr, level: usize) -> usize {
    (addr.get() / span(level)) % ENTRIES
}

/// The word that speaks of `addr` in its table at `level`.
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "`index` answers less than the number of entries"
)]
pub(crate) const fn word(table: &Table, addr: VirtAddr, level: usize) -> &AtomicU64 {
    &table[index(addr, level)]
}

/// The word of the page next to `page`, behind it or before, whichever is in the same pair.
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "the number of entries is even, so both of a pair are less"
)]
pub(crate) const fn beside(table: &Table, page: VirtAddr) -> &AtomicU64 {
    &table[index(page, 0) ^ 1]
}

/// A slot, and the part of it that an edit speaks of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    index: usize,
    part: Block,
}

/// The slots at `level` that speak of `area`, which lies within one table at that level.
pub(crate) fn slots(area: MemoryArea, level: usize) -> impl Iterator<Item = Slot> {
    area.blocks(span(level)).map(move |part| Slot {
        index: index(part.piece.start(), level),
        part,
    })
}

impl Slot {
    /// What the edit wants of it.
    pub(crate) fn piece(self) -> MemoryArea {
        self.part.piece
    }

    /// All that it spans.
    pub(crate) fn whole(self) -> MemoryArea {
        self.part.block
    }

    /// Whether the edit wants all of it.
    pub(crate) fn is_whole(self) -> bool {
        self.part.is_whole()
    }

    /// Its number, as a row of one.
    pub(crate) const fn alone(self) -> Range<usize> {
        self.index..self.index + 1
    }

    /// Its word.
    #[expect(
        clippy::indexing_slicing,
        reason = "`index` answers less than the number of entries"
    )]
    pub(crate) fn of(self, table: &Table) -> &AtomicU64 {
        &table[self.index]
    }

    /// Its word in a table that nobody else sees.
    #[expect(
        clippy::indexing_slicing,
        reason = "`index` answers less than the number of entries"
    )]
    pub(crate) fn of_new(self, table: &mut Table) -> &mut u64 {
        table[self.index].get_mut()
    }
}

/// An area that lies within one table, cut in three: slots that it covers, and the parts of slots before and behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    head: Option<MemoryArea>,
    /// The slots that are covered: numbers from `first` on, of `count`.
    first: usize,
    count: usize,
    /// What they span.
    pub(crate) body: Option<MemoryArea>,
    tail: Option<MemoryArea>,
}

impl Cut {
    pub(crate) const fn new(area: MemoryArea, level: usize) -> Self {
        let mask = span(level) - 1;
        let (start, end) = (area.start().get(), area.end().get());
        let (cuts_head, cuts_tail) = (start & mask != 0, end & mask != mask);
        if (cuts_head || cuts_tail) && start | mask == end | mask {
            return Self {
                head: Some(area),
                first: 0,
                count: 0,
                body: None,
                tail: None,
            };
        }
        // Those two slots are not the same one: there is an address behind the one, and one before the other.
        let (head_end, tail_start) = (start | mask, end & !mask);
        let first = if cuts_head { head_end + 1 } else { start };
        let last = if cuts_tail { tail_start - 1 } else { end };
        let has_body = first <= last;
        Self {
            head: piece(cuts_head, start, head_end),
            first: index(VirtAddr::new(first), level),
            count: if has_body {
                (last - first) / span(level) + 1
            } else {
                0
            },
            body: piece(has_body, first, last),
            tail: piece(cuts_tail, tail_start, end),
        }
    }

    /// The parts of slots, those that there are.
    pub(crate) fn ends(self) -> impl Iterator<Item = MemoryArea> {
        [self.head, self.tail].into_iter().flatten()
    }

    /// The numbers of the slots that are covered.
    pub(crate) const fn slots(self) -> Range<usize> {
        self.first..self.first + self.count
    }
}

const fn piece(is_there: bool, start: usize, end: usize) -> Option<MemoryArea> {
    if is_there {
        Some(MemoryArea::bounds(start, end))
    } else {
        None
    }
}
