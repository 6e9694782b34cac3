//! Replacing the frame of a page, while other CPUs use it.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::lost::{Lost, Replaced};
use crate::addr::VirtAddr;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::retired::retired_leaf;
use crate::backend::radix::entry::word::{Word, is_leaf};
use crate::backend::radix::hooks::New;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::find::entry;
use crate::backend::radix::walk::table::word;
use crate::backend::run::Run;
use crate::error::MapError;
use crate::frame::{FRAME_SIZE, Frame};
use crate::platform::Platform;

/// A leaf that is broken until its flush has returned. A flush that panics puts it back: nobody else would ever make
/// another of it.
struct Broken<'a> {
    word: &'a AtomicU64,
    leaf: u64,
}

impl Drop for Broken<'_> {
    fn drop(&mut self) {
        self.word.store(self.leaf, Release);
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Maps the page of `old` to `frame` instead, which becomes the page table's own, if the page still is as `old`
    /// says. Many CPUs may do so at once. O(levels), and one flush.
    ///
    /// `old` is an answer of [`entry`](crate::backend::PageTableBackend::entry); accessed and dirty bits are not
    /// compared. The page is flushed, and then the old frame comes back, if it was the page table's own: nobody reaches
    /// it any more through this page.
    ///
    /// # Errors
    /// The frame comes back, and the page is as it was:
    /// - with its entry, when that is not `old`, or [`Entry::Busy`](crate::backend::Entry::Busy), while another CPU is
    ///   at it;
    /// - with [`MapError::NotMapped`], when `old` is no single page;
    /// - with [`MapError::ForeignFrame`], when the frame is another allocator's;
    /// - with the errors of [`check_edit`](crate::backend::check_edit).
    pub fn exchange(
        &self,
        old: Run,
        frame: Frame,
        attributes: Attributes,
        asid: Asid,
    ) -> Result<Option<Replaced>, Lost> {
        let page = old.area.start();
        if let Err(error) = self.check_exchange(old, &frame, attributes) {
            return Err(Lost::refused(frame, error));
        }
        let Some(word) = self.find_page(page) else {
            return Err(Lost::raced(frame, self.find_entry(page)));
        };
        self.made_code(frame.addr(), FRAME_SIZE, attributes.permissions);
        self.mark_owned(page);
        let new = F::leaf(frame.addr(), attributes, 0) | self.common_bits() | F::OWNED;
        match self.swap_leaf(word, old, new, asid) {
            Ok(before) => {
                // The reference is the entry's now, and the one that was there is ours.
                let _ = frame.into_addr();
                let was_owned = before & F::OWNED != 0;
                Ok(was_owned.then(|| Replaced {
                    frame: self.take_frame(F::addr(before)),
                    dirty: before & F::DIRTY != 0,
                }))
            }
            Err(found) => Err(Lost::raced(frame, entry::<F>(found, page, 0))),
        }
    }

    fn check_exchange(
        &self,
        old: Run,
        frame: &Frame,
        attributes: Attributes,
    ) -> Result<(), MapError> {
        self.check_frame(frame)?;
        self.check_page(old.area.start(), frame.addr(), attributes)?;
        if old.area.size() != FRAME_SIZE {
            return Err(MapError::NotMapped { hole: old.area });
        }
        Ok(())
    }

    /// Puts `new` in the place of the leaf of `old`, and makes every CPU see it. Answers the word that was there, or,
    /// as an error, the word that is there instead.
    fn swap_leaf(&self, word: &AtomicU64, old: Run, new: u64, asid: Asid) -> Result<u64, u64> {
        let breaks = |leaf| F::BREAK_BEFORE_MAKE && leaf & F::VALID != 0;
        // The MMU may set bits of the old leaf until another word is there: it is tried again then.
        let before = word.fetch_update(AcqRel, Acquire, |found| {
            let next = if breaks(found) {
                retired_leaf::<F>(found)
            } else {
                new
            };
            is_run::<F>(found, old).then_some(next)
        })?;
        if breaks(before) {
            let leaf = before;
            let broken = Broken { word, leaf };
            self.flush_leaves(old.area, asid);
            core::mem::forget(broken);
            // The word is still retired: nobody takes that for a leaf, or for empty.
            word.store(new, Release);
        } else if before & F::VALID != 0 {
            // A hidden leaf was in no TLB.
            self.flush_leaves(old.area, asid);
        }
        if new & F::VALID != 0 && (breaks(before) || before & F::VALID == 0) {
            self.made_valid(old.area, New::Leaves);
        }
        Ok(before)
    }

    /// Marks every pointer on the way to `page`. Before the owned leaf is there: whoever takes a table out later looks
    /// for owned leaves only below a mark.
    fn mark_owned(&self, page: VirtAddr) {
        let mut table = self.root_table();
        for level in (1..F::LEVELS).rev() {
            let entry = word(table, page, level);
            let value = entry.load(Acquire);
            let Word::Table(child) = Word::read::<F>(value, level) else {
                return;
            };
            if value & F::OWNED == 0 {
                entry.fetch_or(F::OWNED, Relaxed);
            }
            table = self.table(child);
        }
    }
}

/// Whether `word` is the leaf of `run`, whatever its accessed and dirty bits are.
fn is_run<F: Format>(word: u64, run: Run) -> bool {
    is_leaf::<F>(word) && F::addr(word) == run.first && F::attributes(word) == run.attributes
}
