//! Where writers stand in line: one at a time is served, in the order in which they came.

use crate::sync::{AtomicUsize, Ordering, const_fn, spin_loop};

/// A ticket lock, on cache lines that no reader touches.
#[repr(align(128))]
pub(super) struct Line {
    /// The ticket of who comes next.
    next: AtomicUsize,
    /// The ticket of who is served.
    served: AtomicUsize,
}

impl Line {
    const_fn! {
        pub(super) fn new() -> Self {
            Self {
                next: AtomicUsize::new(0),
                served: AtomicUsize::new(0),
            }
        }
    }

    /// Waits for its turn, and calls `relax` meanwhile.
    pub(super) fn stand_in(&self, relax: &impl Fn()) -> Turn<'_> {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        let place = Place { line: self, ticket };
        while !self.serves(ticket) {
            relax();
        }
        core::mem::forget(place);
        Turn { line: self, ticket }
    }

    /// Its turn, if nobody stands in line.
    pub(super) fn try_turn(&self) -> Option<Turn<'_>> {
        // Acquire: as when it is served later.
        let ticket = self.served.load(Ordering::Acquire);
        self.take_ticket(ticket)
            .then(|| Turn { line: self, ticket })
    }

    /// Takes this ticket, if it is the next one.
    fn take_ticket(&self, ticket: usize) -> bool {
        let (next, order) = (ticket.wrapping_add(1), Ordering::Relaxed);
        self.next
            .compare_exchange(ticket, next, order, order)
            .is_ok()
    }

    /// Gives the ticket back, if nobody has come after it.
    fn give_back(&self, ticket: usize) -> bool {
        let (next, order) = (ticket.wrapping_add(1), Ordering::Relaxed);
        self.next
            .compare_exchange(next, ticket, order, order)
            .is_ok()
    }

    fn serves(&self, ticket: usize) -> bool {
        // Acquire: the one before has ended its turn, and all that it wrote is seen.
        self.served.load(Ordering::Acquire) == ticket
    }

    /// Ends the turn of this ticket.
    fn end(&self, ticket: usize) {
        // Release: the next sees all that was written. Nobody else writes the word meanwhile.
        self.served.store(ticket.wrapping_add(1), Ordering::Release);
    }
}

/// The one writer whose turn it is. The turn ends when this is dropped.
pub(super) struct Turn<'a> {
    line: &'a Line,
    ticket: usize,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.line.end(self.ticket);
    }
}

/// A place in line that is given up, as `relax` unwinds. Those behind it wait for it, so it waits for its turn.
struct Place<'a> {
    line: &'a Line,
    ticket: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        while !self.line.give_back(self.ticket) {
            if self.line.serves(self.ticket) {
                return self.line.end(self.ticket);
            }
            spin_loop();
        }
    }
}
