//! One page in one call, where there is a table for it: a walk and a store.
//!
//! Most edits are of one page in a table that is there. These two make them or answer false, and nothing has changed
//! then: the caller goes the general way.

use core::sync::atomic::Ordering::{Relaxed, Release};

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::MemoryType;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::is_vacant;
use crate::backend::radix::hooks::New;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::find::Pages;
use crate::backend::radix::walk::table::{Table, beside, word};
use crate::backend::run::Run;
use crate::frame::FRAME_SIZE;
use crate::permissions::Permissions;
use crate::platform::Platform;

/// The permissions that need no more than an entry. A page of code needs a call for the instruction caches, too.
const PLAIN: Permissions = Permissions::READ
    .union(Permissions::WRITE)
    .union(Permissions::USER);

/// Whether `area` is one page, and so all of it is in a range if its start is.
///
/// This is one comparison: the low bits of the start, which must be 0, are moved to the top, where those of a size that
/// is too large would be.
#[inline]
const fn is_page(area: MemoryArea) -> bool {
    let (start, span) = (area.start().get(), area.end().get() - area.start().get());
    (start << (usize::BITS - FRAME_SIZE.trailing_zeros())) | span == FRAME_SIZE - 1
}

/// Whether the leaf of `page` is not the last in its table. The word beside it, in the same cache line, mostly tells.
#[inline]
fn is_among_others<F: Format>(table: &Table, page: VirtAddr) -> bool {
    !is_vacant::<F>(beside(table, page).load(Relaxed)) || has_two::<F>(table)
}

#[cold]
#[inline(never)]
fn has_two<F: Format>(table: &Table) -> bool {
    let words = table.iter().map(|word| word.load(Relaxed));
    words.filter(|&word| !is_vacant::<F>(word)).nth(1).is_some()
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Maps a page of normal memory that is no code, if its table is there and its entry empty; else answers false.
    /// O(levels).
    #[inline]
    pub(in crate::backend::radix) fn map_one_page(&mut self, run: Run) -> bool {
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

    /// Unmaps a page, if its leaf is valid, owns no frame, and is not the last in its table; else answers false.
    /// O(levels), and one flush.
    ///
    /// Where the format breaks before it makes, too: the flush is part of the call, so nothing is made before it.
    #[inline]
    pub(in crate::backend::radix) fn unmap_one_page(
        &mut self,
        area: MemoryArea,
        asid: Asid,
    ) -> bool {
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
}
