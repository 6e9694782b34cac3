//! One page in one call, where there is a table for it: a walk and a store.
//!
//! Most edits are of one page in a table that is there. These make them or answer false, and nothing has changed
//! then: the caller goes the general way. The pages around a fault, all in one table, are mapped alike.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::{Attributes, MemoryType};
use crate::backend::paging::NotAtOnce;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::transition::claim::{Claim, Shared};
use crate::backend::radix::entry::word::is_vacant;
use crate::backend::radix::hooks::New;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::walk::find::{Pages, entry};
use crate::backend::radix::walk::table::{Table, beside, index, word};
use crate::backend::run::Run;
use crate::frame::{FRAME_SIZE, Frame};
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

/// Whether `run` is one page of normal memory, and an entry can say it without further checks. No physical address has
/// bits of `beyond`.
#[inline]
pub(super) fn is_plain(run: &Run, beyond: u64, allowed: Permissions) -> bool {
    is_page(run.area)
        && is_plain_frame(run.first, beyond)
        && is_plain_memory(run.attributes, allowed)
}

/// Whether `run` is whole pages of normal memory, and entries can say it without further checks.
#[inline]
fn is_plain_run(run: &Run, beyond: u64) -> bool {
    let Run {
        area,
        first,
        attributes,
    } = *run;
    let (start, end) = (area.start().get(), area.end().get());
    let last = first.get().saturating_add((end - start) as u64);
    (start | !end) % FRAME_SIZE == 0
        && is_plain_frame(first, beyond)
        && last & beyond == 0
        && is_plain_memory(attributes, Permissions::all())
}

/// Whether an entry can say the address of the frame at `first`.
#[inline]
const fn is_plain_frame(first: PhysAddr, beyond: u64) -> bool {
    first.get() & (beyond | (FRAME_SIZE as u64 - 1)) == 0
}

/// Whether this is normal memory that can be read, with no permissions but the `allowed`.
#[inline]
fn is_plain_memory(attributes: Attributes, allowed: Permissions) -> bool {
    attributes.memory_type == MemoryType::Normal
        && allowed.contains(attributes.permissions)
        && attributes.permissions.contains(Permissions::READ)
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Maps a page of normal memory that is no code, if its table is there and its entry empty; else answers false.
    /// O(levels).
    #[inline]
    pub(in crate::backend::radix) fn map_one_page(&mut self, run: Run) -> bool {
        let pages = is_plain(&run, self.beyond(), PLAIN).then(|| self.pages_at(run.area.start()));
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

    /// Maps pages of normal memory, if one table has them all and is there, while other CPUs may be mapping; else
    /// answers false. Pages whose entries are not empty stay as they are. O(levels + pages).
    pub(in crate::backend::radix) fn map_in_one_table(&self, run: &Run) -> bool {
        let pages = is_plain_run(run, self.beyond()).then(|| self.pages_of(run.area));
        let Some(Pages { table, .. }) = pages.flatten() else {
            return false;
        };
        let slots = index(run.area.start(), 0)..=index(run.area.end(), 0);
        let words = table.get(slots).unwrap_or_default();
        self.made_code(run.first, run.area.size(), run.attributes.permissions);
        let mut leaf = F::leaf(run.first, run.attributes, 0) | self.common_bits();
        let mut is_new = false;
        for word in words {
            is_new |= Shared::claim(word, leaf);
            leaf = leaf.wrapping_add(F::step(0));
        }
        if is_new {
            self.made_valid(run.area, New::Leaves);
        }
        true
    }

    /// Maps a page of normal memory to a frame that becomes the page table's own, while other CPUs may be mapping. It
    /// does if its table is there and marked, and its entry empty; else answers false. O(levels).
    #[inline]
    pub(in crate::backend::radix) fn install_one_page(
        &self,
        page: VirtAddr,
        frame: &Frame,
        attributes: Attributes,
    ) -> bool {
        let word = self.marked_word(page, attributes);
        let word = word.filter(|word| word.load(Relaxed) == 0);
        word.is_some_and(|word| self.claim_page(word, page, frame, attributes))
    }

    /// As [`Paging::install_at_once`](crate::backend::Paging::install_at_once).
    #[inline]
    pub(in crate::backend::radix) fn install_new_page(
        &self,
        page: VirtAddr,
        attributes: Attributes,
        frame: impl FnOnce() -> Option<Frame>,
    ) -> Result<(), NotAtOnce> {
        let word = self.marked_word(page, attributes);
        let word = word.ok_or(NotAtOnce::Elsewise)?;
        let value = word.load(Acquire);
        if value != 0 {
            return Err(NotAtOnce::Found(entry::<F>(value, page, 0)));
        }
        let frame = frame().ok_or(NotAtOnce::OutOfFrames)?;
        if self.claim_page(word, page, &frame, attributes) {
            // The reference is the entry's now.
            let _ = frame.into_addr();
            return Ok(());
        }
        // Refused, or too late: that is told as slowly as ever.
        let mut reserved = Reserved::default();
        let installed = self.install_frame(page, frame, attributes, &mut reserved);
        installed.map_err(NotAtOnce::Lost)
    }

    /// The word of the page at `page`, if its table is there, and marked for leaves that own their frames, and an entry
    /// can say these attributes without further checks. O(levels).
    #[inline]
    fn marked_word(&self, page: VirtAddr, attributes: Attributes) -> Option<&AtomicU64> {
        let is_plain =
            page.is_aligned(FRAME_SIZE) && is_plain_memory(attributes, Permissions::all());
        let pages = is_plain.then(|| self.pages_at(page));
        let Pages { pointer, table } = pages.flatten()?;
        let is_marked = pointer.load(Relaxed) & F::OWNED != 0;
        is_marked.then(|| word(table, page, 0))
    }

    /// Writes the leaf of a page that owns `frame`, unless another CPU is first, or that is no frame for the page
    /// table.
    ///
    /// Inline always: the callers have looked at the attributes, so little of this is left.
    #[inline(always)]
    fn claim_page(
        &self,
        word: &AtomicU64,
        page: VirtAddr,
        frame: &Frame,
        attributes: Attributes,
    ) -> bool {
        let first = frame.addr();
        if frame.allocator() != self.allocator() || !is_plain_frame(first, self.beyond()) {
            return false;
        }
        self.made_code(first, FRAME_SIZE, attributes.permissions);
        let leaf = F::leaf(first, attributes, 0) | self.owned_bits(attributes) | F::OWNED;
        let is_claimed = Shared::claim(word, leaf);
        if is_claimed {
            self.made_valid(MemoryArea::block(page, FRAME_SIZE), New::Leaves);
        }
        is_claimed
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
