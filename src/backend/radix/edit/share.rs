//! Sharing: the frames of one page table in another, which can then copy them on write.
//!
//! The walk goes over the tables of the one that has the frames. Where a table of pages owns any, the other's table for
//! these pages is looked up or made, once, and words go from table to table.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::paging::Unshared;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::frames::clear;
use crate::backend::radix::hooks::New;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::slot::each_filled;
use crate::backend::radix::walk::table::{Table, any_with, index, word};
use crate::backend::radix::walk::vacant::populated;
use crate::error::MapError;
use crate::frame::{FRAME_SIZE, ShareError};
use crate::permissions::Permissions;
use crate::platform::Platform;

/// A share under way.
struct Share<'a, F: Format, P: Platform> {
    child: &'a Radix<F, P>,
    /// The bits of the child's leaves beside their addresses and memory types.
    bits: u64,
    /// Why it has ended before its end.
    stopped: Option<Unshared>,
    is_any: bool,
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// As [`Paging::share_into`](crate::backend::Paging::share_into).
    pub(in crate::backend::radix) fn share_area(
        &mut self,
        child: &mut Self,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), Unshared> {
        if child.allocator() != self.allocator() {
            let addr = child.root_addr();
            return Err(MapError::ForeignFrame { addr }.into());
        }
        // No retired word is left then.
        self.settle(None);
        // A leaf that cannot be written is not dirty: the frame is the parent's, too, who would take it for written.
        let bits = F::permissions(permissions - Permissions::WRITE) | child.unwritten_bits();
        let mut share = Share {
            child,
            bits,
            stopped: None,
            is_any: false,
        };
        for part in self.canonical(area) {
            self.share_in(self.root_table(), Self::TOP, part, &mut share);
        }
        let Share {
            stopped, is_any, ..
        } = share;
        if is_any {
            child.made_valid(area, New::Tables);
        }
        stopped.map_or(Ok(()), Err)
    }

    fn share_in(&self, table: &Table, level: usize, area: MemoryArea, share: &mut Share<'_, F, P>) {
        let Some(below) = level.checked_sub(1) else {
            return self.share_pages(table, area, share);
        };
        each_filled(table, area, level, |slot, word| {
            if let Word::Table(child) = Word::read::<F>(word, level) {
                // Without the mark, no leaf below owns its frame.
                if word & F::OWNED != 0 && share.stopped.is_none() {
                    self.share_in(self.table(child), below, slot.piece(), share);
                }
            }
        });
    }

    /// Shares the pages of `area`, all of which are in `table`.
    fn share_pages(&self, table: &Table, area: MemoryArea, share: &mut Share<'_, F, P>) {
        let Some((slots, area)) = populated(table, area) else {
            return;
        };
        let from = table.get(slots.clone()).unwrap_or_default();
        if !any_with(from, F::OWNED, |_, _| true) {
            return;
        }
        let to = match share.child.table_to_own(area.start()) {
            Ok(to) => to.get(slots).unwrap_or_default(),
            Err(error) => return share.stopped = Some(error.into()),
        };
        share.is_any = true;
        let is_free = !any_with(to, u64::MAX, |_, _| true);
        let shared = if is_free {
            self.share_leaves(from, to, share.bits)
                .map_err(Unshared::Share)
        } else {
            Err(MapError::Overlap { existing: area }.into())
        };
        share.stopped = shared.err();
    }

    /// Writes leaves to the frames of owned leaves where nothing is.
    fn share_leaves(
        &self,
        from: &[AtomicU64],
        to: &[AtomicU64],
        bits: u64,
    ) -> Result<(), ShareError> {
        for (from, to) in from.iter().zip(to) {
            let word = from.load(Relaxed);
            // Nothing waits, so it is a leaf.
            if word & F::OWNED != 0 {
                to.store(self.shared_leaf(word, bits)?, Relaxed);
            }
        }
        Ok(())
    }

    /// A further leaf to the frame of `word`, with a reference of its own.
    #[inline]
    #[expect(unsafe_code, reason = "the frame is known by the leaf that owns it")]
    fn shared_leaf(&self, word: u64, bits: u64) -> Result<u64, ShareError> {
        // SAFETY: the leaf has a reference to the frame, and keeps it: the page table is borrowed as `&mut` by
        // `share_area`, so no other CPU exchanges the page. So no second look at it is needed.
        let frame = unsafe { self.platform().share(F::addr(word)) }?;
        let spared = F::ACCESSED | F::DIRTY | F::GLOBAL | F::LOCAL;
        // The reference is the new leaf's.
        let _ = frame.into_addr();
        Ok(F::permitted(word & F::KEPT & !spared, bits))
    }

    /// The table of the page at `page`, made with those above it where they are missing, and marked for leaves that own
    /// their frames. Nobody else edits. O(levels), and O(entries) for each new table.
    fn table_to_own(&self, page: VirtAddr) -> Result<&Table, MapError> {
        let mut table = self.root_table();
        for level in (1..F::LEVELS).rev() {
            let word = word(table, page, level);
            let value = word.load(Relaxed);
            let at = match Word::read::<F>(value, level) {
                Word::Table(at) => at,
                Word::Empty => {
                    let (at, ()) = self.write_new(self.alloc_table(1)?, clear);
                    at
                }
                Word::Leaf(_) | Word::RetiredLeaf(_) | Word::RetiredTable(_) => {
                    let existing = MemoryArea::block(page, FRAME_SIZE);
                    return Err(MapError::Overlap { existing });
                }
            };
            if level == Self::TOP {
                self.filled.note(index(page, level)..index(page, level) + 1);
            }
            word.store(F::table(at, level) | F::OWNED, Relaxed);
            table = self.table(at);
        }
        Ok(table)
    }
}
