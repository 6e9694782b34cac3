//! Maps that wait beside a tree until all of them can be added.

use super::pool::Pool;
use super::store::Tree;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};

/// Maps on their way into a tree, kept in its spare nodes. They are not joined, so they can be given back as they came.
pub(crate) struct Scratch<'a, T: Payload> {
    maps: Tree<T>,
    home: &'a mut Tree<T>,
}

impl<'a, T: Payload> Scratch<'a, T> {
    pub(crate) fn new(home: &'a mut Tree<T>) -> Self {
        let pool = home.pool.take_all();
        Self {
            maps: Tree::with_pool(pool),
            home,
        }
    }

    /// Makes room for a map at `area`, where nothing may be, neither among these maps nor in the tree.
    pub(crate) fn reserve(&mut self, area: MemoryArea) -> Result<(), MapError> {
        match self.home.first_overlap(area) {
            Some(existing) => Err(MapError::Overlap { existing }),
            None => self.maps.reserve_insert(area),
        }
    }

    /// Takes `map`, for which there is room.
    pub(crate) fn put(&mut self, map: VirtualMemoryMap<T>) {
        self.maps.place(map);
    }

    /// Moves all maps to the tree that they are for, and joins them there; none when there is no memory.
    #[expect(clippy::result_large_err, reason = "the error holds what was given")]
    pub(crate) fn merge(mut self) -> Result<(), (MapError, Self)> {
        if self.maps.root.is_none() {
            return Ok(());
        }
        if self.home.root.is_none() {
            core::mem::swap(&mut self.home.root, &mut self.maps.root);
            self.home.join_all();
            return Ok(());
        }
        let needed = self.home.needed_for(&self.maps);
        if let Err(error) = self.maps.pool.reserve(needed) {
            return Err((error, self));
        }
        self.home.pool = self.maps.pool.take_all();
        while let Some(map) = self.maps.take_front() {
            self.home.insert_with_spare(map);
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
        let spare: Pool<T> = self.maps.pool.take_all();
        self.home.pool.absorb(spare);
    }
}
