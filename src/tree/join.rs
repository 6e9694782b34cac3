//! Joins of neighbours in whatever leaves they are.
//!
//! Inserts and changes of permissions join inside one leaf. Here are the joins across the border of two leaves, which
//! edit each leaf in turn.
//!
//! ```text
//! forward    A [.. |left|]  B [|right| ..]   ->   A [.. |left-right|]  B [..]
//! backward   A [.. |left|]  B [|right| ..]   ->   A [..]  B [|left-right| ..]
//! ```
//!
//! Backward is for a leaf A above FULL. Both remove one map, and let the other grow over it: between the two edits the
//! removed map's memory belongs to no map, but no foreign code runs in between.

use super::leaf::Leaf;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::map::{Payload, VirtualMemoryMap};

impl<T: Payload> Tree<T> {
    /// Joins a map that was inserted at `area` with neighbours in other leaves. `edges` says whether it is the first
    /// and whether it is the last of its leaf. O(1) if neither, otherwise O(log n).
    #[inline]
    pub(super) fn join_edges(&mut self, area: MemoryArea, edges: Option<(bool, bool)>) {
        if let Some((is_first, is_last)) = edges {
            if is_last {
                area.next().into_iter().for_each(|next| self.join_at(next));
            }
            if is_first {
                self.join_at(area.start());
            }
        }
    }

    /// Joins the maps at both borders of `area` with the maps beyond. O(log n).
    pub(super) fn join_around(&mut self, area: MemoryArea) {
        area.next().into_iter().for_each(|next| self.join_at(next));
        self.join_at(area.start());
    }

    /// Joins all neighbours that can be one. O(n log n); after a panic, and after an empty tree was restored.
    pub(crate) fn join_all(&mut self) {
        let mut next = self.successor(VirtAddr::new(0)).map(|map| map.vmarea());
        while let Some(area) = next {
            self.join_at(area.start());
            next = area
                .next()
                .and_then(|next| self.successor(next))
                .map(|map| map.vmarea());
        }
    }

    /// Joins the map that starts at `addr` with the map that ends before it, if it continues that. O(log n).
    ///
    /// The payload of the right map is dropped last, when the tree is sound: it may panic. Where the left leaf holds
    /// more than FULL maps, the left map goes over to the right leaf instead of the other way round.
    pub(super) fn join_at(&mut self, addr: VirtAddr) {
        let pair = self.predecessor(addr.get()).zip(self.successor(addr));
        let Some((left, right)) = pair.filter(|(left, right)| left.can_join(*right)) else {
            return;
        };
        let (left, right) = (left.vmarea(), right.vmarea());
        // A leaf above FULL is one that an edit has cut maps in, for want of a node. The join brings it back to FULL.
        let is_crowded = self
            .leaf(left.end().get())
            .is_some_and(|(leaf, _)| !leaf.has_room_for(0));
        if is_crowded {
            self.join_backward(left, right);
        } else {
            self.join_forward(left, right);
        }
    }

    /// Removes the map at `right`, and lets the map at `left` grow over it.
    fn join_forward(&mut self, left: MemoryArea, right: MemoryArea) {
        let gone = self.take_at(right);
        self.edit(left.end().get(), |leaf, at| {
            leaf.set_end(at, right.end().get());
        });
        drop(gone);
    }

    /// Removes the map at `left` from its crowded leaf, and lets it replace the map at `right`, grown over both areas.
    fn join_backward(&mut self, left: MemoryArea, right: MemoryArea) {
        let gone = self.take_at(left).and_then(|map| {
            // The left map's content stays: its payload is the one that grows. The right map's leaves with `content`.
            let (area, mut content) = map.into_parts();
            self.edit(right.start().get(), |leaf, at| {
                leaf.set_start(at, area.start().get());
                if let Some(place) = leaf.content_mut(at) {
                    core::mem::swap(place, &mut content);
                }
                content
            })
        });
        drop(gone);
    }

    /// Removes the map whose area is `area`.
    fn take_at(&mut self, area: MemoryArea) -> Option<VirtualMemoryMap<T>> {
        self.edit(area.start().get(), Leaf::remove_at)?
    }
}
