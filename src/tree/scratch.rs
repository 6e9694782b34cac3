//! Maps that wait beside a tree until all of them can be added.

use super::room::Relief;
use super::store::Tree;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};

/// Maps on their way into a tree, in as many of its nodes as they take. They are not joined, so they can be given back as
/// they came.
pub(crate) struct Scratch<'a, T: Payload> {
    maps: Tree<T>,
    home: &'a mut Tree<T>,
}

impl<'a, T: Payload> Scratch<'a, T> {
    pub(crate) const fn new(home: &'a mut Tree<T>) -> Self {
        Self {
            maps: Tree::lent(),
            home,
        }
    }

    /// Makes sure of room for a map at `area`, where nothing may be, neither among these maps nor in the tree.
    pub(crate) fn reserve(&mut self, area: MemoryArea) -> Result<(), MapError> {
        let existing = self.home.first_overlap(area);
        if let Some(existing) = existing.or_else(|| self.maps.first_overlap(area)) {
            return Err(MapError::Overlap { existing });
        }
        let needed = self.maps.needed_at(area.start().get(), 1);
        self.maps.pool.borrow(needed, &mut self.home.pool)
    }

    /// Takes `map`, for which there is room.
    pub(crate) fn put(&mut self, map: VirtualMemoryMap<T>) {
        self.maps.place(map, Relief::Share);
    }

    /// Moves all maps to the tree that they are for, and joins them there; none when there is no memory.
    #[expect(clippy::result_large_err, reason = "the error holds what was given")]
    pub(crate) fn merge(mut self) -> Result<(), (MapError, Self)> {
        if self.home.root.is_none() {
            core::mem::swap(&mut self.home.root, &mut self.maps.root);
            self.home.join_all();
            return Ok(());
        }
        let needed = self.home.needed_for(&self.maps);
        if let Err(error) = self.home.pool.reserve(needed) {
            return Err((error, self));
        }
        while let Some(map) = self.maps.take_front() {
            self.home.insert(map, Relief::Split);
        }
        Ok(())
    }
}

impl<T: Payload> Iterator for Scratch<'_, T> {
    type Item = VirtualMemoryMap<T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.maps.take_front()
    }
}

impl<T: Payload> Drop for Scratch<'_, T> {
    /// What was not taken is dropped, and the nodes go home.
    fn drop(&mut self) {
        self.for_each(drop);
        self.home.pool.absorb(&mut self.maps.pool);
        self.home.trim();
    }
}
