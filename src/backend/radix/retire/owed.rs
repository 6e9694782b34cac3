//! Entries that verbs have taken out or changed, and nobody has settled.

use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;

use crate::flush::Retired;

/// The flush that a page table owes, and the areas with words that wait for it.
///
/// The page table keeps this itself, so that it is right whatever becomes of the [`Retired`] that a verb has told its
/// caller.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    /// The sum of all that verbs have told since the last settlement.
    pub(super) told: Retired,
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

impl Owed {
    /// Whether words may wait, or a flush is due. O(1).
    pub(crate) fn is_any(&self) -> bool {
        self.is_torn() || !self.told.is_empty()
    }

    /// Whether a verb was left by a panic. O(1).
    pub(crate) fn is_torn(&self) -> bool {
        self.is_torn.load(Relaxed)
    }

    /// Forgets all that was owed, for a caller that has flushed and given everything back.
    pub(super) fn clear(&mut self) {
        self.told.clear();
        *self.is_torn.get_mut() = false;
    }

    /// A guard for a verb that does nothing but call hooks any more. It is forgotten when those have returned, which
    /// costs nothing.
    pub(crate) const fn unless_forgotten(&self) -> Torn<'_> {
        Torn(&self.is_torn)
    }
}
