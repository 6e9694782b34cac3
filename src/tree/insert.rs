//! Maps that are inserted where no map is.
//!
//! The leaf of the map's address takes it, if it has room, or if a neighbour there grows over it. If not, the leaf
//! before may take it at its end. Only then is room made, by nodes that were set aside.

use super::leaf::Leaf;
use super::node::{Node, NodeKind};
use super::room::Relief;
use super::store::Tree;
use crate::error::MapError;
use crate::map::{MapRef, Payload, VirtualMemoryMap};

impl<T: Payload> Tree<T> {
    /// Adds `map`, and joins it with its neighbours. O(log n).
    ///
    /// # Errors
    /// The map comes back, and nothing has changed: [`MapError::Overlap`] with the first map in the way;
    /// [`MapError::OutOfNodes`].
    pub(crate) fn add(
        &mut self,
        map: VirtualMemoryMap<T>,
    ) -> Result<(), (MapError, VirtualMemoryMap<T>)> {
        let mut new = Some(map);
        // Most leaves have room: then one way down is enough.
        self.insert_here(&mut new);
        new.map_or(Ok(()), |map| self.add_elsewhere(map))
    }

    /// Adds a map that the leaf of its address has not taken.
    ///
    /// # Errors
    /// The errors of [`add`](Self::add).
    #[cold]
    fn add_elsewhere(
        &mut self,
        map: VirtualMemoryMap<T>,
    ) -> Result<(), (MapError, VirtualMemoryMap<T>)> {
        // No node is needed where the map goes to the end of the leaf before, so that is tried first.
        let mut new = Some(map);
        self.insert_before(&mut new);
        let Some(map) = new else { return Ok(()) };
        match self.reserve_insert(map.vmarea()) {
            Ok(()) => {
                self.insert(map, Relief::Redistribute);
                Ok(())
            }
            Err(error) => Err((error, map)),
        }
    }

    /// Inserts `map` where no map is, and joins it with its neighbours. Nodes were set aside, or the verb's own cut has
    /// made room. O(log n).
    pub(crate) fn insert(&mut self, map: VirtualMemoryMap<T>, relief: Relief) {
        let area = map.vmarea();
        let mut new = Some(map);
        self.insert_here(&mut new);
        if relief == Relief::Redistribute {
            // Where maps come in order, the leaf before has not been counted on.
            self.insert_before(&mut new);
        }
        if let Some(map) = new {
            self.insert_apart(map, relief);
            self.join_around(area);
        }
    }

    /// Inserts the map into the leaf of its address, if no map is there and the leaf has room, or if a neighbour in the
    /// leaf grows over it. Otherwise the map stays in `new`.
    #[inline]
    fn insert_here(&mut self, new: &mut Option<VirtualMemoryMap<T>>) {
        let Some(area) = new.as_ref().map(VirtualMemoryMap::vmarea) else {
            return;
        };
        let start = area.start().get();
        if let Some(Node(NodeKind::Leaf(leaf))) = self.root.as_deref_mut() {
            // A single leaf: there is no map elsewhere to join with, and no node above to be kept true.
            leaf.insert_joined(new, leaf.lower_bound(start));
            return;
        }
        let edges = self.edit(start, |leaf, at| {
            let at = leaf.insert_joined(new, at)?;
            Some(leaf.edges(at))
        });
        self.join_edges(area, edges.flatten());
    }

    /// Inserts a map that would come first in the leaf of its address behind the last map of the leaf before, if that
    /// leaf takes it. Otherwise the map stays in `new`.
    fn insert_before(&mut self, new: &mut Option<VirtualMemoryMap<T>>) {
        let Some(area) = new.as_ref().map(VirtualMemoryMap::vmarea) else {
            return;
        };
        let start = area.start().get();
        let is_first = self
            .leaf(start)
            .is_some_and(|(leaf, at)| at == 0 && area.end().get() < leaf.low());
        let before = is_first.then(|| self.predecessor(start)).flatten();
        if let Some(before) = before.map(MapRef::vmarea) {
            let edges = self.edit(before.end().get(), |leaf, at| {
                let at = leaf.insert_joined(new, leaf.after(at))?;
                Some(leaf.edges(at))
            });
            self.join_edges(area, edges.flatten());
        }
    }
}

impl<T> Tree<T> {
    /// Makes sure that the tree has a root: the first node is an empty leaf.
    fn ensure_root(&mut self) {
        if self.root.is_none() {
            self.root = self.pool.take().map(|mut leaf| {
                leaf.0 = NodeKind::Leaf(Leaf::new());
                leaf
            });
        }
    }

    /// Inserts `map` where no map is, and joins it with no neighbour. Nodes were set aside. O(log n).
    pub(super) fn insert_apart(&mut self, map: VirtualMemoryMap<T>, relief: Relief) {
        self.ensure_root();
        let start = map.vmarea().start().get();
        self.make_room(start, 1, relief);
        self.edit(start, |leaf, at| leaf.insert_apart(at, map));
    }
}
