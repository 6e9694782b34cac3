//! Pieces that were cut out of a tree, and must not be dropped yet.
//!
//! A payload may own the frames behind its piece, so it is dropped only when the flush has returned. A deferred verb
//! cuts before that. Its pieces wait in a tree of their own, whose nodes come from the home tree's pool, and go back
//! there.
//!
//! ```text
//! reserve  put  put ..  drop_all           the pieces are dropped
//! reserve  unreserve                       the verb was refused: nothing has changed
//! ```
//!
//! Pieces never overlap: what is mapped anew where a piece waits is mapped when the piece has gone.

use super::drop_all::drop_all;
use super::room::Relief;
use super::size::FULL;
use super::store::Tree;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::{MapRef, Payload, VirtualMemoryMap};
use crate::violation::Violation;

/// Pieces that wait to be dropped.
pub(crate) struct Waiting<T: 'static> {
    /// The pieces. Adjacent ones are not joined.
    pieces: Tree<T>,
}

impl<T> Waiting<T> {
    /// No pieces. O(1), allocates nothing.
    pub(crate) const fn new() -> Self {
        Self {
            pieces: Tree::lent(),
        }
    }
}

impl<T: Payload> Waiting<T> {
    /// Whether a piece that waits is more than one that was dropped. Without a destructor nobody can tell.
    const WAITS: bool = core::mem::needs_drop::<T>();

    /// Sets nodes aside for all that a cut of `area` takes out of `home`, from `home`'s pool. O(log n), and O(maps in
    /// the area) where pieces wait already.
    ///
    /// # Errors
    /// [`MapError::OutOfNodes`]: nothing has changed.
    pub(crate) fn reserve(&mut self, area: MemoryArea, home: &mut Tree<T>) -> Result<(), MapError> {
        if Self::WAITS {
            let needed = self.needed(area, home)?;
            self.pieces.pool.borrow(needed, &mut home.pool)?;
        }
        Ok(())
    }

    /// Gives back to `home` the nodes that are not in use. O(nodes).
    pub(crate) fn unreserve(&mut self, home: &mut Tree<T>) {
        home.pool.absorb(&mut self.pieces.pool);
        home.trim();
    }

    /// How many nodes all that a cut of `area` takes out of `home` needs here at most.
    fn needed(&self, area: MemoryArea, home: &Tree<T>) -> Result<usize, MapError> {
        if self.pieces.root.is_some() {
            let cut = home.iter_from(area.start()).map(MapRef::vmarea);
            let cut = cut.map_while(|map| map.intersection(area));
            return self.pieces.needed_for(cut);
        }
        // Pieces come in order, so each leaf is split at its end, and keeps all but one.
        let leaves = home.count_in(area).div_ceil(FULL - 1);
        Ok(match leaves {
            0 | 1 => leaves,
            _ => leaves + self.pieces.needed_above(leaves),
        })
    }

    /// Lets `piece` wait, for which nodes were set aside; of a payload without destructor it is dropped. O(log n).
    pub(crate) fn put(&mut self, piece: VirtualMemoryMap<T>) {
        if Self::WAITS {
            self.pieces.insert_apart(piece, Relief::Ascending);
        }
    }

    /// Drops all pieces, to the last one even if payloads panic, and gives their nodes back to `home`. O(pieces).
    pub(crate) fn drop_all(&mut self, home: &mut Tree<T>) {
        if Self::WAITS {
            let waiting = self;
            let Homeward { waiting, .. } = &mut Homeward { waiting, home };
            drop_all(&mut core::iter::from_fn(|| waiting.pieces.take_front()));
        }
    }

    /// As [`Tree::audit`]. O(pieces).
    ///
    /// # Errors
    /// The first [`Violation`] found.
    pub(crate) fn audit(&self) -> Result<(), Violation> {
        self.pieces.audit()
    }
}

/// Pieces whose nodes go back to the home tree when the last piece has gone, even by a payload's panic.
struct Homeward<'a, T: Payload> {
    waiting: &'a mut Waiting<T>,
    home: &'a mut Tree<T>,
}

impl<T: Payload> Drop for Homeward<'_, T> {
    fn drop(&mut self) {
        self.waiting.unreserve(self.home);
    }
}
