//! A writer's hold of all slots.

use super::line::Turn;
use super::slot::{Entered, Slot};

/// The one writer, which keeps readers out of these slots, until it is dropped.
pub(super) struct Exclusion<'a> {
    slots: &'a [Slot],
    /// Its turn ends after it has withdrawn, as this is dropped after it.
    _turn: Turn<'a>,
}

impl<'a> Exclusion<'a> {
    /// Lets no more readers in.
    pub(super) fn announce(slots: &'a [Slot], turn: Turn<'a>) -> Self {
        slots.iter().for_each(Slot::announce);
        Self { slots, _turn: turn }
    }

    /// Waits until the readers are gone that came before, and calls `relax` meanwhile.
    pub(super) fn wait(self, relax: &impl Fn()) -> Self {
        for slot in self.slots {
            while !slot.is_left() {
                relax();
            }
        }
        self
    }

    /// The same, if nobody has to be waited for.
    pub(super) fn try_wait(self) -> Option<Self> {
        self.slots.iter().all(Slot::is_left).then_some(self)
    }

    /// Makes the writer a reader on this CPU, before any other writer has its turn.
    pub(super) fn join(self, cpu: usize) -> Entered<'a> {
        Slot::of(self.slots, cpu).join()
    }
}

impl Drop for Exclusion<'_> {
    fn drop(&mut self) {
        self.slots.iter().for_each(Slot::withdraw);
    }
}
