//! The frame around each edit that takes entries out or changes them.

use super::own_up::note_all;
use crate::asid::Asid;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::memory::Radix;
use crate::flush::Retired;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// Makes `edit`, which takes entries out or changes them. All that it tells is owed from then on, and told to
    /// `out`.
    ///
    /// The page table counts as torn while the edit runs. So a hook that panics in there leaves it marked, at the cost
    /// of two stores and without a guard.
    pub(in crate::backend::radix) fn change(
        &mut self,
        out: &mut Retired,
        edit: impl FnOnce(&mut Self, &mut Retired),
    ) {
        let mut new = Retired::new();
        let was_torn = self.tear();
        edit(self, &mut new);
        *self.owed.is_torn.get_mut() = was_torn;
        self.owed.told_mut().absorb(&new);
        out.absorb(&new);
    }

    /// Makes `edit`, and settles it in the same call, under `asid`. Nobody need be told of it, and it is owed only if a
    /// panic leaves it: then everything is.
    pub(in crate::backend::radix) fn change_at_once(
        &mut self,
        asid: Asid,
        edit: impl FnOnce(&mut Self, &mut Retired),
    ) {
        let is_more = self.owed.is_any();
        let was_torn = self.tear();
        let mut out = Retired::new();
        edit(self, &mut out);
        if is_more {
            self.owed.told_mut().absorb(&out);
            *self.owed.is_torn.get_mut() = was_torn;
            return self.settle(None);
        }
        self.exclusive().flush_and_reap(&out, Some(asid));
        *self.owed.is_torn.get_mut() = false;
    }

    /// Marks the page table as torn, and answers whether it was. Where it was, everything is owed, and told so: an edit
    /// asks what was told before it.
    fn tear(&mut self) -> bool {
        let was_torn = core::mem::replace(self.owed.is_torn.get_mut(), true);
        if was_torn {
            note_all(self.owed.told_mut(), self.ranges.as_slice());
        }
        was_torn
    }
}
