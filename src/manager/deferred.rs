//! What deferred verbs leave behind, until it is settled.

use super::settling::Settling;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::flush::Retired;
use crate::map::{Payload, VirtualMemoryMap};
use crate::tree::{Tree, Waiting};
use crate::violation::Violation;

/// What deferred verbs leave behind. It is the space's own: nobody else holds it, so nobody can forget it.
pub(super) struct Deferred<T: 'static> {
    /// Notes of all verbs since the last settlement, for one flush.
    pub(super) told: Retired,
    pub(super) settling: Settling,
    /// What was cut out of the maps: payloads may own the frames behind them.
    pieces: Waiting<T>,
}

impl<T> Deferred<T> {
    /// Nothing is deferred. O(1), allocates nothing.
    pub(super) const fn new() -> Self {
        Self {
            told: Retired::new(),
            settling: Settling::new(),
            pieces: Waiting::new(),
        }
    }

    /// Adds the notes of a verb. They may be of entries that wait already: those are retired once.
    pub(super) fn add(&mut self, out: &Retired) {
        self.told.absorb(out);
        self.settling.wait();
    }
}

impl<T: Payload> Deferred<T> {
    /// As [`Waiting::reserve`].
    pub(super) fn reserve(&mut self, area: MemoryArea, home: &mut Tree<T>) -> Result<(), MapError> {
        self.pieces.reserve(area, home)
    }

    /// As [`Waiting::unreserve`].
    pub(super) fn unreserve(&mut self, home: &mut Tree<T>) {
        self.pieces.unreserve(home);
    }

    /// Lets a piece wait that was cut out. Nodes were set aside for it.
    pub(super) fn put(&mut self, piece: VirtualMemoryMap<T>) {
        self.pieces.put(piece);
    }

    /// Forgets all that was settled, and drops the pieces. O(pieces).
    pub(super) fn forget(&mut self, home: &mut Tree<T>) {
        self.told.clear();
        self.settling.clear();
        self.pieces.drop_all(home);
    }

    /// Checks what waits by itself. O(pieces).
    ///
    /// # Errors
    /// The first [`Violation`] found.
    pub(super) fn audit(&self) -> Result<(), Violation> {
        self.pieces.audit()
    }
}
