//! Putting right whatever a verb that panicked has left: the beginning and the end of every verb.

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::area::MemoryArea;
use crate::backend::PageTableBackend;
use crate::flush::Retired;
use crate::map::Payload;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Begins a verb: settles what deferred verbs have left, and puts right what a panic has. O(1) where there is
    /// neither.
    #[inline]
    pub(super) fn recover(&mut self) {
        self.settle_first();
        if self.unfinished != Unfinished::Nothing {
            self.recover_entries();
            self.tree.join_all();
            self.end();
        }
    }

    /// Begins a deferred verb: what waits goes on waiting, unless a panic has left something, too.
    pub(super) fn recover_deferred(&mut self) {
        if self.unfinished != Unfinished::Nothing || !self.deferred.settling.is_due() {
            self.recover();
        }
    }

    /// Empties the entries that may lead elsewhere than their maps, which faults and `populate` make anew, and lets
    /// others allow as much as their maps. Maps stay as they are.
    #[cold]
    pub(super) fn recover_entries(&mut self) {
        match self.unfinished {
            Unfinished::Nothing | Unfinished::Joins => return,
            Unfinished::Entries(area) => self.clear(area, B::Reserved::default()),
            Unfinished::Permissions(area) => self.recover_permissions(area),
            Unfinished::Anywhere => self.clear_all(),
        }
        self.unfinished = Unfinished::Joins;
    }

    /// Pages that the space owns keep their data. A leaf of physical memory may reach past the area, and be split only
    /// with a reservation: it is emptied.
    fn recover_permissions(&mut self, area: MemoryArea) {
        let Self { backend, tree, .. } = self;
        let (mut none, mut out) = (B::Reserved::default(), Retired::new());
        for map in tree.iter_from(area.start()) {
            let Some(part) = map.vmarea().intersection(area) else {
                break;
            };
            if map.first().is_some() {
                backend.unmap(part, &mut none, &mut out);
            } else {
                backend.protect(part, map.permissions(), &mut none, &mut out);
            }
        }
        self.finish(none, out);
    }

    /// Notes the work that is left to be done if the verb does not come to its [end](Self::end).
    #[inline]
    pub(super) const fn begin(&mut self, left: Unfinished) {
        self.unfinished = left;
    }

    /// Ends a verb: nothing is left to be done, and nodes that the next one is not likely to want go back.
    #[inline]
    pub(super) fn end(&mut self) {
        self.unfinished = Unfinished::Nothing;
        self.tree.trim();
    }
}
