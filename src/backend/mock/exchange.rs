//! Replacing the frame of a page, while other CPUs use it.

use spin::Mutex;

use super::backend::MockBackend;
use super::page::{self, Page};
use super::slot::Slot;
use super::state::State;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::lost::{Lost, Replaced};
use crate::backend::page_table::PageTableBackend;
use crate::backend::run::{Entry, Run};
use crate::error::MapError;
use crate::flush::Flush;
use crate::frame::Frame;
use crate::platform::Platform;

/// A page that is busy until another frame takes its place. Should its flush panic, it is as it was.
struct Broken<'a> {
    state: &'a Mutex<State>,
    number: usize,
    /// Whether a TLB may have cached it.
    is_cached: bool,
}

impl Broken<'_> {
    /// Puts `new` there, and answers the frame that was the page's own.
    fn mend(self, new: Slot) -> Option<Replaced> {
        let old = self.state.lock().pages.insert(self.number, new);
        // From here on it may be another CPU that has the page busy.
        core::mem::forget(self);
        old.and_then(Slot::into_replaced)
    }
}

impl Drop for Broken<'_> {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        let slot = state.pages.get_mut(&self.number);
        slot.into_iter().for_each(|slot| slot.is_busy = false);
    }
}

/// Why a page was not broken.
enum Unbroken {
    /// It is not as it was said to be.
    Raced(Entry),
    /// Somebody may be reading its frame, and nobody counts.
    Uncounted,
}

impl<P: Platform> MockBackend<P> {
    /// As [`Paging::exchange`](crate::backend::Paging::exchange).
    pub(super) fn exchange_frame(
        &self,
        old: Run,
        frame: Frame,
        attributes: Attributes,
        asid: Asid,
    ) -> Result<Option<Replaced>, Lost> {
        let new = match self.check_exchange(old, &frame, attributes) {
            Ok(new) => new,
            Err(error) => return Err(Lost::refused(frame, error)),
        };
        if self.loses_race() {
            return Err(Lost::raced(frame, Entry::Busy));
        }
        self.made_code(new);
        let broken = match self.break_page(old) {
            Ok(broken) => broken,
            Err(Unbroken::Raced(found)) => return Err(Lost::raced(frame, found)),
            Err(Unbroken::Uncounted) => {
                let addr = old.first;
                return Err(Lost::refused(frame, MapError::Uncounted { addr }));
            }
        };
        if broken.is_cached {
            let ranges = [old.area];
            self.flush(&Flush::leaves(self.root(), &ranges).under(asid));
        }
        let replaced = broken.mend(Slot::new(Page::of(new), Some(frame)));
        if attributes.permissions.allow_any() {
            self.made_valid(new.area);
        }
        Ok(replaced)
    }

    fn check_exchange(
        &self,
        old: Run,
        frame: &Frame,
        attributes: Attributes,
    ) -> Result<Run, MapError> {
        let new = self.check_page(old.area.start(), frame, attributes)?;
        if old.area == new.area {
            Ok(new)
        } else {
            Err(MapError::NotMapped { hole: old.area })
        }
    }

    /// Makes the page busy, if it is `old`.
    fn break_page(&self, old: Run) -> Result<Broken<'_>, Unbroken> {
        let is_counted = self.platform.counts(old.first);
        let number = page::number(old.area.start());
        let mut state = self.state.lock();
        // A hidden page is in no TLB, unless a flush is due.
        let is_due = state.told.needs_flush() || state.is_torn;
        let found = state.entry(number);
        let Some(slot) = state.pages.get_mut(&number) else {
            return Err(Unbroken::Raced(found));
        };
        if slot.run(number) != Some(old) {
            return Err(Unbroken::Raced(found));
        }
        if slot.owned.is_some() && !is_counted {
            return Err(Unbroken::Uncounted);
        }
        let is_cached = slot.is_valid() || is_due;
        slot.is_busy = true;
        Ok(Broken {
            state: &self.state,
            number,
            is_cached,
        })
    }
}
