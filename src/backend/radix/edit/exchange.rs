//! Replacing the frame of a page, while other CPUs use it.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::addr::VirtAddr;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::lost::{Lost, Replaced};
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::transition::swap::swap;
use crate::backend::radix::entry::word::{Word, is_run};
use crate::backend::radix::hooks::New;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::find::entry;
use crate::backend::radix::walk::table::word;
use crate::backend::run::Run;
use crate::error::MapError;
use crate::frame::{FRAME_SIZE, Frame};
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// As [`Paging::exchange`](crate::backend::Paging::exchange).
    pub(in crate::backend::radix) fn exchange_frame(
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
        let is_owned = word.load(Relaxed) & F::OWNED != 0;
        self.made_code(frame.addr(), FRAME_SIZE, attributes.permissions);
        if !is_owned {
            self.mark_owned(page);
        }
        let new = F::leaf(frame.addr(), attributes, 0) | self.owned_bits(attributes) | F::OWNED;
        match self.swap_leaf(word, old, new, asid) {
            Ok(before) => {
                // The reference is the entry's now, and the one that was there is ours.
                let _ = frame.into_addr();
                let was_owned = before & F::OWNED != 0;
                Ok(was_owned.then(|| Replaced {
                    frame: self.take_frame(F::addr(before)),
                    dirty: F::marks(before) & F::DIRTY != 0,
                }))
            }
            Err(found) if is_run::<F>(found, old) => {
                let addr = old.first;
                Err(Lost::refused(frame, MapError::Uncounted { addr }))
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
        let is_counted = self.platform().counts(old.first);
        let is_flush_due = self.owed.is_due(old.area);
        let flush = || self.flush_leaves(old.area, asid);
        let before = swap::<F>(word, old, new, is_counted, is_flush_due, flush)?;
        if new & F::VALID != 0 {
            self.made_valid(old.area, New::Leaves);
        }
        Ok(before)
    }

    /// Marks every pointer on the way to `page`. Before the owned leaf is there: whoever takes a table out later looks
    /// for owned leaves only below a mark. Marks stay while tables do, so those above an owned leaf are there.
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
