//! One page where there is a table for it: what a walk and a store can do.

use core::sync::atomic::Ordering::{Relaxed, Release};

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::MemoryType;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::is_gone;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::find::Pages;
use crate::backend::radix::walk::table::{Table, beside, word};
use crate::backend::run::Run;
use crate::flush::Flush;
use crate::frame::FRAME_SIZE;
use crate::permissions::Permissions;
use crate::platform::Platform;

/// What is there that was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum New {
    Leaves,
    /// And tables that they are in.
    Tables,
}

/// What a page may allow that needs no more than an entry: code needs a word with the instruction caches.
const PLAIN: Permissions = Permissions::READ
    .union(Permissions::WRITE)
    .union(Permissions::USER);

/// Whether `area` is one page, and so all of it is in a range if its start is: one comparison, as the bits of its first
/// address that must be 0 stand where those of a size that is too large would.
#[inline]
const fn is_page(area: MemoryArea) -> bool {
    let (start, span) = (area.start().get(), area.end().get() - area.start().get());
    (start << (usize::BITS - FRAME_SIZE.trailing_zeros())) | span == FRAME_SIZE - 1
}

/// Whether the leaf of `page` is not the last in its table. The one beside it, in the same cache line, mostly tells.
#[inline]
fn is_among_others<F: Format>(table: &Table, page: VirtAddr) -> bool {
    !is_gone::<F>(beside(table, page).load(Relaxed)) || has_two::<F>(table)
}

#[cold]
#[inline(never)]
fn has_two<F: Format>(table: &Table) -> bool {
    let words = table.iter().map(|word| word.load(Relaxed));
    words.filter(|&word| !is_gone::<F>(word)).nth(1).is_some()
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Maps a page without more ado, or answers false.
    #[inline]
    pub(in crate::backend::radix) fn map_page(&mut self, run: Run) -> bool {
        let permissions = run.attributes.permissions;
        let is_plain = is_page(run.area)
            && run.first.is_aligned(FRAME_SIZE)
            && run.first.get() >> F::PHYSICAL_BITS == 0
            && run.attributes.memory_type == MemoryType::Normal
            && PLAIN.contains(permissions)
            && permissions.contains(Permissions::READ);
        let pages = is_plain.then(|| self.pages_at(run.area.start()));
        let Some(Pages { table, .. }) = pages.flatten() else {
            return false;
        };
        let word = word(table, run.area.start(), 0);
        if word.load(Relaxed) != 0 {
            return false;
        }
        word.store(
            F::leaf(run.first, run.attributes, 0) | self.common_bits(),
            Release,
        );
        self.made_valid(run.area, New::Leaves);
        true
    }

    /// Unmaps a page without more ado, if it is valid, not ours, and not the last in its table, or answers false.
    #[inline]
    pub(in crate::backend::radix) fn unmap_page(&mut self, area: MemoryArea, asid: Asid) -> bool {
        let pages = is_page(area).then(|| self.pages_at(area.start()));
        let Some(Pages { table, .. }) = pages.flatten() else {
            return false;
        };
        let word = word(table, area.start(), 0);
        if word.load(Relaxed) & (F::VALID | F::OWNED) != F::VALID {
            return false;
        }
        if !is_among_others::<F>(table, area.start()) {
            return false;
        }
        word.store(0, Relaxed);
        let torn = self.owed.unless_forgotten();
        self.flush_leaves(area, asid);
        core::mem::forget(torn);
        true
    }

    /// Flushes leaves in `area`, and nothing else.
    #[inline]
    pub(in crate::backend::radix) fn flush_leaves(&self, area: MemoryArea, asid: Asid) {
        let ranges = [area];
        self.flush(Flush::leaves(self.root_addr(), &ranges).under(asid));
    }

    /// Flushes, in all spaces where it must be.
    #[inline]
    pub(in crate::backend::radix) fn flush(&self, flush: Flush<'_>) {
        self.platform().flush(&self.in_all_spaces(flush));
    }

    /// Tells the platform that there are leaves in `area` now, and maybe tables, where nothing was.
    #[inline]
    pub(in crate::backend::radix) fn made_valid(&self, area: MemoryArea, new: New) {
        let ranges = [area];
        let made = Flush::leaves(self.root_addr(), &ranges);
        let made = match new {
            New::Leaves => made,
            New::Tables => made.with_tables(),
        };
        self.platform().made_valid(&self.in_all_spaces(made));
    }

    #[inline]
    fn in_all_spaces<'a>(&self, flush: Flush<'a>) -> Flush<'a> {
        if self.is_kernel() {
            flush.global()
        } else {
            flush
        }
    }
}
