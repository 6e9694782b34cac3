//! The model's verbs that change entries and no maps.

use core::ops::Range;

use crate::fault::Done;

use super::model::{ANONYMOUS, Model};
use super::op::Rights;
use super::reply::Reply;

impl<const W: usize> Model<W> {
    pub(super) fn discard(&mut self, range: Range<usize>) {
        self.present.set(range.clone(), false);
        self.writable.set(range, false);
    }

    /// Gives a page its entry, as the map says.
    fn install(&mut self, page: usize) {
        let is_writable = self.rights(page).0 & Rights::WRITE != 0;
        self.present.set(page..page + 1, true);
        self.writable.set(page..page + 1, is_writable);
        self.owned[page] = 0;
    }

    fn is_allowed(&self, page: usize) -> bool {
        self.mapped.has(page) && self.rights(page).0 != 0
    }

    pub(super) fn populate(&mut self, range: Range<usize>) {
        for page in range {
            let is_physical = self.frames[page] != ANONYMOUS;
            if is_physical && self.is_allowed(page) && !self.present.has(page) {
                self.install(page);
            }
        }
    }

    /// Stops at the first hole.
    pub(super) fn prefault(&mut self, range: Range<usize>) -> Reply {
        for page in range.clone() {
            if !self.mapped.has(page) {
                return Reply::Stopped(page - range.start);
            }
            if self.is_allowed(page) && !self.present.has(page) {
                self.install(page);
            }
        }
        Reply::Done
    }

    pub(super) fn fault(&mut self, page: usize, access: u8) -> Reply {
        if !self.mapped.has(page) {
            return Reply::NotMapped;
        }
        if self.rights(page).0 >> access & 1 == 0 {
            return Reply::Denied;
        }
        let is_anonymous = self.frames[page] == ANONYMOUS;
        if !self.present.has(page) {
            self.install(page);
            let done = if is_anonymous {
                Done::Zeroed
            } else {
                Done::Mapped
            };
            return Reply::Resolved(done);
        }
        if is_anonymous && 1 << access == Rights::WRITE && !self.writable.has(page) {
            self.writable.set(page..page + 1, true);
            return Reply::Resolved(Done::Reused);
        }
        Reply::Spurious
    }

    /// What the page's entry allows, if there is one.
    pub(super) fn entry(&self, page: usize) -> Option<Rights> {
        let is_anonymous = self.frames[page] == ANONYMOUS;
        let unwritable = is_anonymous && !self.writable.has(page);
        let taken = if unwritable { Rights::WRITE } else { 0 };
        let rights = Rights(self.rights(page).0 & !taken);
        self.present.has(page).then_some(rights)
    }
}
