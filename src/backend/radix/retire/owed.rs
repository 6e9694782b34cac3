//! Entries that verbs have taken out or changed, and nobody has settled.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU64};

use crate::area::MemoryArea;
use crate::flush::Retired;
use crate::place::Place;

const DUE: u64 = 0;
const SETTLED: u64 = 1;

/// The flush that a page table owes, and the areas with words that wait for it.
///
/// The page table keeps this itself, so that it is right whatever becomes of the [`Retired`] that a verb has told its
/// caller. One of its words is any [`Place`], so that loom checks what is shipped.
#[derive(Debug, Default)]
pub(crate) struct Owed<W = AtomicU64> {
    /// The sum of all that verbs have told since the last settlement; or, when `state` is settled, what is owed no
    /// more.
    told: Retired,
    /// Whether all of `told` was settled under a shared borrow, which cannot forget it. Who has the page table to
    /// himself does.
    state: W,
    /// Whether a verb was left by a panic. Any entry may have changed then, and any may wait, more than was told.
    /// Atomic, since a guard sets it that has only a shared borrow.
    pub(super) is_torn: AtomicBool,
}

/// A guard that marks the page table as left by a panic when it is dropped. A verb forgets it at its end.
pub(crate) struct Torn<'a>(&'a AtomicBool);

impl Drop for Torn<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[cfg(all(test, loom))]
impl<W: Place> Owed<W> {
    /// All of `told` is owed: this word, which is 0, will say so.
    pub(in crate::backend::radix) fn over(told: Retired, state: W) -> Self {
        Self {
            told,
            state,
            is_torn: AtomicBool::new(false),
        }
    }
}

impl<W: Place> Owed<W> {
    /// Whether words may wait, or a flush is due. O(1).
    pub(crate) fn is_any(&self) -> bool {
        self.is_torn() || self.told().is_some()
    }

    /// The sum of all that verbs have told and that is not settled; `None` when that is nothing. O(1).
    pub(in crate::backend::radix) fn told(&self) -> Option<&Retired> {
        let is_due = !self.told.is_empty() && self.state.load(Acquire) == DUE;
        is_due.then_some(&self.told)
    }

    /// Whether a flush is due that a CPU needs before it uses `area` as it is now: after a panic, that is so anywhere.
    /// O(1).
    pub(in crate::backend::radix) fn is_due(&self, area: MemoryArea) -> bool {
        self.is_torn() || self.concerns(area)
    }

    /// Whether a CPU may have translations in `area` as they were before a verb that is not settled, by all that verbs
    /// have told. O(1).
    pub(in crate::backend::radix) fn concerns(&self, area: MemoryArea) -> bool {
        self.told().is_some_and(|told| told.concerns(area))
    }

    /// The sum of all that verbs have told and that is not settled, to be added to. O(1).
    pub(in crate::backend::radix) fn told_mut(&mut self) -> &mut Retired {
        if self.state.load(Relaxed) == SETTLED {
            self.state.store(DUE, Relaxed);
            self.told.clear();
        }
        &mut self.told
    }

    /// Notes that all of [`told`](Self::told) is settled. Release: whoever finds it so finds every CPU flushed.
    pub(in crate::backend::radix) fn note_settled(&self) {
        self.state.store(SETTLED, Release);
    }

    /// Whether a verb was left by a panic. O(1).
    pub(crate) fn is_torn(&self) -> bool {
        self.is_torn.load(Relaxed)
    }

    /// Forgets all that was owed, for a caller that has flushed and given everything back.
    pub(super) fn clear(&mut self) {
        self.told_mut().clear();
        *self.is_torn.get_mut() = false;
    }

    /// A guard for a verb that does nothing but call hooks any more. It is forgotten when those have returned, which
    /// costs nothing.
    pub(crate) const fn unless_forgotten(&self) -> Torn<'_> {
        Torn(&self.is_torn)
    }
}
