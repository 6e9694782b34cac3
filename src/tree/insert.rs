//! Putting a map where nothing is.

use super::leaf::Leaf;
use super::node::NodeKind;
use super::room::Relief;
use super::store::Tree;
use crate::error::MapError;
use crate::map::{MapRef, Payload, VirtualMemoryMap};

impl<T: Payload> Tree<T> {
    /// Adds `map`, and joins it with its neighbours; it comes back when something is there, or when there is no memory.
    pub(crate) fn add(
        &mut self,
        map: VirtualMemoryMap<T>,
    ) -> Result<(), (MapError, VirtualMemoryMap<T>)> {
        let mut new = Some(map);
        // Most leaves have room: then one way down is enough.
        self.insert_here(&mut new);
        new.map_or(Ok(()), |map| self.add_elsewhere(map))
    }

    /// As [`add`](Self::add), where the map's own leaf does not take it.
    #[cold]
    fn add_elsewhere(
        &mut self,
        map: VirtualMemoryMap<T>,
    ) -> Result<(), (MapError, VirtualMemoryMap<T>)> {
        match self.reserve_insert(map.vmarea()) {
            Ok(()) => {
                self.insert(map, Relief::Redistribute);
                Ok(())
            }
            Err(error) => {
                let mut new = Some(map);
                self.insert_before(&mut new);
                new.map_or(Ok(()), |map| Err((error, map)))
            }
        }
    }

    /// Puts `map` where nothing is, and joins it with its neighbours. Reserved, or with room made by the same verb.
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

    /// Puts the map into the leaf where it would be, if nothing is there and that has room, or if the map becomes a part of
    /// a neighbour. Otherwise it stays in `new`.
    #[inline]
    fn insert_here(&mut self, new: &mut Option<VirtualMemoryMap<T>>) {
        let Some(area) = new.as_ref().map(VirtualMemoryMap::vmarea) else {
            return;
        };
        let edges = self.edit(area.start().get(), |leaf, at| leaf.insert_joined(new, at));
        self.join_edges(area, edges.flatten());
    }

    /// As [`insert_here`](Self::insert_here), behind the last map of the leaf before, when the map would come first in its
    /// own.
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
                leaf.insert_joined(new, at + 1)
            });
            self.join_edges(area, edges.flatten());
        }
    }
}

impl<T> Tree<T> {
    /// Sees to it that there is a leaf.
    fn ensure_root(&mut self) {
        if self.root.is_none() {
            self.root = self.pool.take().map(|mut leaf| {
                leaf.0 = NodeKind::Leaf(Leaf::new());
                leaf
            });
        }
    }

    /// Puts `map` where nothing is, and joins it with nothing. Reserved.
    pub(super) fn insert_apart(&mut self, map: VirtualMemoryMap<T>, relief: Relief) {
        self.ensure_root();
        let start = map.vmarea().start().get();
        self.make_room(start, 1, relief);
        self.edit(start, |leaf, at| leaf.insert_apart(at, map));
    }
}

impl<T> Leaf<T> {}

impl<T: Payload> Leaf<T> {}
