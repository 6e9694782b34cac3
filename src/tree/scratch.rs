//! Maps that wait beside a tree until all of them can be added: restoring is all or nothing.
//!
//! Maps come one by one from an iterator that may end in an error, or overlap another. Until the last has come, the
//! home tree must not change. So they wait in a tree of their own, whose nodes come from the home tree's pool.
//!
//! ```text
//! put  put  put ..  add_all                 all maps are in the home tree
//! put  put  refused, then iterate           the caller has all maps back; nodes are in the home tree's pool
//! put  put  dropped                         the maps are dropped; nodes are in the home tree's pool
//! ```

use super::drop_all::drop_all;
use super::node::{Node, NodeKind};
use super::owned::Owned;
use super::room::Relief;
use super::store::Tree;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::{MapRef, Payload, VirtualMemoryMap};

/// Maps on their way into a tree, in as many of its nodes as they take.
///
/// They are not joined, so they can be given back as they came. As an iterator it hands them out from the last to the
/// first: a leaf that gives up its last map has nothing to shift.
pub(crate) struct Scratch<'a, T: Payload> {
    /// The maps that have come.
    maps: Tree<T>,
    /// The tree that they are meant for, and whose pool lends the nodes.
    home: &'a mut Tree<T>,
    /// The leaf that maps are handed out from, once the last leaf of `maps`.
    last: Option<Owned<Node<T>>>,
}

impl<'a, T: Payload> Scratch<'a, T> {
    /// No maps yet, for `home`. O(1).
    pub(crate) const fn new(home: &'a mut Tree<T>) -> Self {
        Self {
            maps: Tree::lent(),
            home,
            last: None,
        }
    }

    /// Takes `map`. Whether the home tree has a map there is asked when all have come. O(log maps taken).
    ///
    /// # Errors
    /// The map comes back, and nothing has changed: [`MapError::Overlap`] with the map taken earlier that is in the
    /// way; [`MapError::OutOfNodes`].
    pub(crate) fn put(
        &mut self,
        map: VirtualMemoryMap<T>,
    ) -> Result<(), (MapError, VirtualMemoryMap<T>)> {
        let area = map.vmarea();
        let mut map = Some(map);
        self.maps.edit(area.start().get(), |leaf, at| {
            if leaf.has_room_for(1) && leaf.check_free(area, at).is_ok() {
                map.take().map(|map| leaf.insert_apart(at, map));
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

    /// Borrows the nodes that a map at `area` needs, where no map may be yet.
    fn reserve(&mut self, area: MemoryArea) -> Result<(), MapError> {
        if let Some(existing) = self.maps.first_overlap(area) {
            return Err(MapError::Overlap { existing });
        }
        let needed = self.maps.needed_at(area.start().get(), 1);
        self.maps.pool.borrow(needed, &mut self.home.pool)
    }

    /// Adds all maps to the home tree, and joins them there. O(maps × log n).
    ///
    /// An empty home tree takes over the whole tree of maps, and has only joins to do.
    ///
    /// # Errors
    /// All maps come back, and the home tree has not changed: [`MapError::Overlap`] with the home tree's map in the
    /// way; [`MapError::OutOfNodes`].
    pub(crate) fn add_all(mut self) -> Result<(), (MapError, Self)> {
        if self.home.root.is_none() {
            // The nodes of both trees are of one pool, so the root may change its tree.
            core::mem::swap(&mut self.home.root, &mut self.maps.root);
            self.home.join_all();
            return Ok(());
        }
        let needed = self.home.needed_for(self.maps.iter().map(MapRef::vmarea));
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

    /// The last map that is left. Its leaf goes to the pool when it is empty.
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
    /// Drops the maps that are left, and gives the nodes back to the home tree.
    fn drop(&mut self) {
        drop_all(Homeward(self).0);
    }
}

/// Maps whose nodes go back to the home tree when the last map has gone, even by a payload's panic.
struct Homeward<'s, 'a, T: Payload>(&'s mut Scratch<'a, T>);

impl<T: Payload> Drop for Homeward<'_, '_, T> {
    fn drop(&mut self) {
        self.0.home.pool.absorb(&mut self.0.maps.pool);
        self.0.home.trim();
    }
}
