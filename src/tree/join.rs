//! Neighbours that have become one map, in one leaf or in two.

use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::map::{Payload, VirtualMemoryMap};

impl<T: Payload> Tree<T> {
    /// Joins a map that was put into a leaf at `area` with neighbours in other leaves, when it is the first or the last in
    /// its own.
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

    /// Joins what lies in `area` with its neighbours on both sides, in whatever leaves they are.
    pub(super) fn join_around(&mut self, area: MemoryArea) {
        area.next().into_iter().for_each(|next| self.join_at(next));
        self.join_at(area.start());
    }

    /// Joins all neighbours that have become one.
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

    /// Joins the map that starts at `addr` with the one that ends before it, in whatever leaves they are, if they have
    /// become one. The payload of the one behind is dropped when that is done.
    pub(super) fn join_at(&mut self, addr: VirtAddr) {
        let pair = self.predecessor(addr.get()).zip(self.successor(addr));
        let Some((left, right)) = pair.filter(|(left, right)| left.can_join(*right)) else {
            return;
        };
        let (left, right) = (left.vmarea(), right.vmarea());
        let is_crowded = self
            .leaf(left.end().get())
            .is_some_and(|(leaf, _)| !leaf.has_room_for(0));
        if is_crowded {
            self.join_backward(left, right);
        } else {
            self.join_forward(left, right);
        }
    }

    /// Takes the map at `right` out, and lets the one at `left` grow over it.
    fn join_forward(&mut self, left: MemoryArea, right: MemoryArea) {
        let gone = self.take_at(right);
        self.edit(left.end().get(), |leaf, at| {
            let old = leaf.gap_before(at + 1);
            leaf.set_end(at, right.end().get());
            leaf.update_max_gap((old, 0), (leaf.gap_before(at + 1), 0));
        });
        drop(gone);
    }

    /// Takes the map at `left` out of its leaf, and puts it, grown, in the place of the one at `right`.
    fn join_backward(&mut self, left: MemoryArea, right: MemoryArea) {
        let gone = self.take_at(left).and_then(|map| {
            let (area, mut content) = map.into_parts();
            self.edit(right.start().get(), |leaf, at| {
                let old = leaf.gap_before(at);
                leaf.set_start(at, area.start().get());
                if let Some(place) = leaf.content_mut(at) {
                    core::mem::swap(place, &mut content);
                }
                leaf.update_max_gap((old, 0), (leaf.gap_before(at), 0));
                content
            })
        });
        drop(gone);
    }

    /// Takes the map at `area` out, whole.
    fn take_at(&mut self, area: MemoryArea) -> Option<VirtualMemoryMap<T>> {
        self.edit(area.start().get(), |leaf, at| {
            let (old, gone) = (leaf.gaps_at(at), leaf.remove_at(at));
            leaf.update_max_gap(old, (leaf.gap_before(at), 0));
            gone
        })?
    }
}
