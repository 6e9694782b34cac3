//! Maps that move to other addresses: the tree's part of `mremap`.

use super::room::Relief;
use super::store::Tree;
use crate::area::MemoryArea;
use crate::map::{Payload, VirtualMemoryMap};

impl<T: Payload> Tree<T> {
    /// Moves all that lies in `from` to `to`, which is free and of the same size, and joins it with its neighbours
    /// there. [`reserve_shift`](Self::reserve_shift) has set the nodes aside. O(maps in `from` × log n).
    ///
    /// Maps go one by one in address order. Each leaves its leaf before it is inserted again: where all maps are in one
    /// leaf, that is the room for it.
    ///
    /// No payload is asked anything while its map is on the way. So no panic drops a map whose memory is mapped at the
    /// new addresses already. The border of `from` may split a payload before that.
    pub(crate) fn shift(&mut self, from: MemoryArea, to: MemoryArea) {
        while let Some(map) = self.take_first(from) {
            let (area, content) = map.into_parts();
            let moved = from
                .offset_of(area.start())
                .and_then(|offset| MemoryArea::from_start_size(to.at(offset)?, area.size()).ok());
            if let Some(moved) = moved {
                self.insert_apart(
                    VirtualMemoryMap::from_parts(moved, content),
                    Relief::Ascending,
                );
            }
        }
        // Maps that have moved were apart before; only the first and the last have new neighbours.
        self.join_around(to);
    }
}
