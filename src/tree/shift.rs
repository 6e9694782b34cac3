//! Moving maps to other addresses.

use super::room::Relief;
use super::store::Tree;
use crate::area::MemoryArea;
use crate::map::{Payload, VirtualMemoryMap};

impl<T: Payload> Tree<T> {
    /// Moves what lies in `from` to `to`, which is free and of the same size, and joins it with its neighbours there.
    /// Reserved by [`reserve_shift`](Self::reserve_shift).
    ///
    /// No payload is asked anything while its map is on the way: a map whose memory is already mapped at its new place is
    /// not dropped by a panic.
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
        // Those that have moved were apart before; only the first and the last have new neighbours.
        self.join_around(to);
    }
}
