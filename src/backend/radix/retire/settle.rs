//! The end of a verb: one flush, and frames given back.

use crate::asid::Asid;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::memory::{Exclusive, Radix};
use crate::flush::Retired;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// Settles all that is owed, and all that `retired` says beside. A caller's word may add to the flush, and never
    /// takes anything from it. Under `asid`, if the two say the same; else under every ASID.
    pub(in crate::backend::radix) fn settle_told(&mut self, retired: &Retired, asid: Asid) {
        let told = self.owed.told_mut();
        let is_all = told == retired;
        if !is_all {
            told.absorb(retired);
        }
        self.settle(is_all.then_some(asid));
    }

    /// Settles what a verb that was left by a panic owes. An edit that maps asks for it: a CPU may have another
    /// translation of the page still.
    #[cold]
    #[inline(never)]
    pub(in crate::backend::radix) fn settle_torn(&mut self) {
        self.settle(None);
    }

    /// Flushes all that is owed, and gives back all that waits for that. Under `asid`, if it is known that nothing of
    /// it was cached under another.
    ///
    /// It is owed until the last frame is back: after a panic in here, the next call begins anew.
    pub(in crate::backend::radix) fn settle(&mut self, asid: Option<Asid>) {
        if !self.owed.is_any() {
            return;
        }
        let is_torn = self.owed.is_torn();
        if is_torn {
            self.own_up();
        }
        let asid = asid.filter(|_| !is_torn);
        let this = self.exclusive();
        let told = this.owed.told().into_iter();
        told.for_each(|told| this.flush_and_reap(told, asid));
        self.owed.clear();
    }
}

impl<F: Format, P: Platform> Exclusive<'_, F, P> {
    /// Flushes the ranges of `retired`, under this ASID or any, and gives back all that waits in its areas. Nobody else
    /// is here.
    pub(super) fn flush_and_reap(self, retired: &Retired, asid: Option<Asid>) {
        if retired.needs_flush() {
            self.flush(retired.flush_under(self.root_addr(), asid));
        }
        self.reap(retired.waiting());
    }
}
