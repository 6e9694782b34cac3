//! What verbs have taken out or changed, and nobody has retired.

use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;

use crate::asid::Asid;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::memory::Radix;
use crate::flush::Retired;
use crate::platform::Platform;

/// What must be flushed, and where something waits for that. Kept by the page table itself, so that it is right
/// whatever becomes of the [`Retired`] that a verb has told.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    pub(crate) told: Retired,
    /// Whether a verb was left by a panic: then all may have changed and anything may wait, more than was told.
    is_torn: AtomicBool,
}

/// Says that a verb was left by a panic, unless it is forgotten.
pub(crate) struct Torn<'a>(&'a AtomicBool);

impl Drop for Torn<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl Owed {
    /// Whether entries may wait, or must be flushed.
    pub(crate) fn is_any(&self) -> bool {
        self.is_torn() || !self.told.is_empty()
    }

    /// Whether a verb was left by a panic.
    pub(crate) fn is_torn(&self) -> bool {
        self.is_torn.load(Relaxed)
    }

    /// All is settled.
    pub(crate) fn clear(&mut self) {
        self.told.clear();
        *self.is_torn.get_mut() = false;
    }

    /// For a verb that does nothing but call hooks any more: forgotten when those have returned, which costs nothing.
    pub(crate) const fn unless_forgotten(&self) -> Torn<'_> {
        Torn(&self.is_torn)
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Makes an edit that takes entries out or changes them; what it tells is owed from then on, and told to `out`.
    pub(in crate::backend::radix) fn change(
        &mut self,
        out: &mut Retired,
        edit: impl FnOnce(&mut Self, &mut Retired),
    ) {
        let mut new = Retired::new();
        let was_torn = core::mem::replace(self.owed.is_torn.get_mut(), true);
        edit(self, &mut new);
        *self.owed.is_torn.get_mut() = was_torn;
        self.owed.told.absorb(&new);
        out.absorb(&new);
    }

    /// As [`change`](Self::change), for an edit that is retired in the same call, under `asid`, behind what `edit`
    /// does. That has nobody to tell, and is owed only if it is left by a panic: then all is.
    pub(in crate::backend::radix) fn change_at_once(
        &mut self,
        asid: Asid,
        edit: impl FnOnce(&mut Self, &mut Retired),
    ) {
        let is_more = self.owed.is_any();
        let was_torn = core::mem::replace(self.owed.is_torn.get_mut(), true);
        let mut out = Retired::new();
        edit(self, &mut out);
        if is_more {
            self.owed.told.absorb(&out);
            *self.owed.is_torn.get_mut() = was_torn;
            return self.settle(None);
        }
        self.flush_and_reap(&out, Some(asid));
        *self.owed.is_torn.get_mut() = false;
    }
}
