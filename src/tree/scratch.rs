//! Maps that wait beside a tree until all of them can be added.

use super::drop_all::drop_all;
use super::node::{Node, NodeKind};
use super::owned::Owned;
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
    /// The leaf that maps are taken from: it was the last of `maps`.
    last: Option<Owned<Node<T>>>,
}

impl<'a, T: Payload> Scratch<'a, T> {
    pub(crate) const fn new(home: &'a mut Tree<T>) -> Self {
        Self {
            maps: Tree::lent(),
            home,
            last: None,
        }
    }

    /// Takes `map`; it comes back when it overlaps one of these maps, or when there is no memory. Whether the tree has a map
    /// there is asked when all have come.
    pub(crate) fn put(
        &mut self,
        map: VirtualMemoryMap<T>,
    ) -> Result<(), (MapError, VirtualMemoryMap<T>)> {
        let area = map.vmarea();
        let mut map = Some(map);
        self.maps.edit(area.start().get(), |leaf, at| {
            if leaf.has_room_for(1) && leaf.check_free(area, at).is_ok() {
                map.take()
                    .into_iter()
                    .for_each(|map| leaf.insert_apart(at, map));
            }
        });
        let Some(map) = map else { return Ok(()) };
        match self.reserve(area) {
            Ok(()) => {
                self.maps.insert_apart(map, Relief::Redistribute);
                Ok(())
            }
            Err(error) => Err((error, map)),
        }
    }

    fn reserve(&mut self, area: MemoryArea) -> Result<(), MapError> {
        if let Some(existing) = self.maps.first_overlap(area) {
            return Err(MapError::Overlap { existing });
        }
        let needed = self.maps.needed_at(area.start().get(), 1);
        self.maps.pool.borrow(needed, &mut self.home.pool)
    }

    /// Moves all maps to the tree that they are for, and joins them there; none when one of them overlaps a map there, or
    /// when there is no memory.
    #[expect(clippy::result_large_err, reason = "the error holds what was given")]
    pub(crate) fn add_all(mut self) -> Result<(), (MapError, Self)> {
        if self.home.root.is_none() {
            core::mem::swap(&mut self.home.root, &mut self.maps.root);
            self.home.join_all();
            return Ok(());
        }
        let needed = self.home.needed_for(&self.maps);
        if let Err(error) = needed.and_then(|needed| self.home.pool.reserve(needed)) {
            return Err((error, self));
        }
        while let Some(map) = self.next() {
            self.home.insert(map, Relief::Descending);
        }
        Ok(())
    }
}

impl<T: Payload> Iterator for Scratch<'_, T> {
    type Item = VirtualMemoryMap<T>;

    /// The last map that is left.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(Node(NodeKind::Leaf(leaf))) = self.last.as_deref_mut() {
                if let Some(map) = leaf.pop() {
                    return Some(map);
                }
            }
            let empty = core::mem::replace(&mut self.last, self.maps.take_last_leaf());
            empty
                .into_iter()
                .for_each(|empty| self.maps.pool.give(empty));
            self.last.as_ref()?;
        }
    }
}

impl<T: Payload> Drop for Scratch<'_, T> {
    /// Maps that were not taken are dropped, and the nodes go home.
    fn drop(&mut self) {
        drop_all(Homeward(self).0);
    }
}

/// Maps whose nodes go home when the last of them has gone, even if a payload panics.
struct Homeward<'s, 'a, T: Payload>(&'s mut Scratch<'a, T>);

impl<T: Payload> Drop for Homeward<'_, '_, T> {
    fn drop(&mut self) {
        self.0.home.pool.absorb(&mut self.0.maps.pool);
        self.0.home.trim();
    }
}
