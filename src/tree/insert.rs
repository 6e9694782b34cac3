//! Putting a map where nothing is.

use super::leaf::Leaf;
use super::node::Kind;
use super::room::Relief;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
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
                self.insert(map, Relief::Share);
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
        if relief == Relief::Share {
            // Where maps come in order, the leaf before has not been counted on.
            self.insert_before(&mut new);
        }
        if let Some(map) = new {
            self.place(map, relief);
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
        let edges = self.edit(area.start().get(), |leaf, at| leaf.insert(new, at));
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
            let edges = self.edit(before.end().get(), |leaf, at| leaf.insert(new, at + 1));
            self.join_edges(area, edges.flatten());
        }
    }

    /// Joins a map that was put into a leaf at `area` with neighbours in other leaves, when it is the first or the last in
    /// its own.
    #[inline]
    fn join_edges(&mut self, area: MemoryArea, edges: Option<(bool, bool)>) {
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
            leaf.settle((old, 0), (leaf.gap_before(at + 1), 0));
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
                leaf.settle((old, 0), (leaf.gap_before(at), 0));
                content
            })
        });
        drop(gone);
    }

    /// Takes the map at `area` out, whole.
    fn take_at(&mut self, area: MemoryArea) -> Option<VirtualMemoryMap<T>> {
        self.edit(area.start().get(), |leaf, at| {
            let (old, gone) = (leaf.gaps_at(at), leaf.close(at));
            leaf.settle(old, (leaf.gap_before(at), 0));
            gone
        })?
    }
}

impl<T> Tree<T> {
    /// Sees to it that there is a leaf.
    fn plant(&mut self) {
        if self.root.is_none() {
            self.root = self.pool.take().map(|mut leaf| {
                leaf.0 = Kind::Leaf(Leaf::new());
                leaf
            });
        }
    }

    /// Puts `map` where nothing is, and joins it with nothing. Reserved.
    pub(super) fn place(&mut self, map: VirtualMemoryMap<T>, relief: Relief) {
        self.plant();
        let start = map.vmarea().start().get();
        self.make_room(start, 1, relief);
        self.edit(start, |leaf, at| leaf.place_at(at, map));
    }
}

impl<T> Leaf<T> {
    /// Puts `map` at `at`, where nothing is. There is room.
    #[inline]
    pub(super) fn place_at(&mut self, at: usize, map: VirtualMemoryMap<T>) {
        let (area, content) = map.into_parts();
        let old = self.gap_before(at);
        self.open(at, area, content);
        self.settle((old, 0), self.gaps_at(at));
    }
}

impl<T: Payload> Leaf<T> {
    /// Puts the map at `at`, where nothing may be, and joins it with its neighbours in this leaf. `None`, and the map
    /// stays, when something is there, or when there is no room.
    ///
    /// Answers whether it, or the map that it has become a part of, is now the first, and whether it is the last: then
    /// there may be neighbours in other leaves.
    fn insert(&mut self, map: &mut Option<VirtualMemoryMap<T>>, at: usize) -> Option<(bool, bool)> {
        let new = map.as_ref()?.view();
        if at < self.len() && self.start(at) <= new.vmarea().end().get() {
            return None;
        }
        let at = if let Some(left) = self.left_of(new, at) {
            self.append(left, map.take()?);
            left
        } else if self.is_right_of(new, at) {
            self.prepend(at, map.take()?);
            at
        } else if self.has_room_for(1) {
            self.place_at(at, map.take()?);
            at
        } else {
            return None;
        };
        Some((at == 0, at + 1 == self.len()))
    }

    /// The map before the place `at`, if `map` there continues it.
    #[inline]
    fn left_of(&self, map: MapRef<'_, T>, at: usize) -> Option<usize> {
        let left = at.checked_sub(1)?;
        // Most neighbours lie apart: the rest of them is not even read.
        let touches = self.end(left).wrapping_add(1) == map.vmarea().start().get();
        (touches && self.get(left)?.can_join(map)).then_some(left)
    }

    /// Whether the map at `at` continues `map`.
    #[inline]
    fn is_right_of(&self, map: MapRef<'_, T>, at: usize) -> bool {
        map.vmarea().end().get().wrapping_add(1) == self.start(at)
            && self.get(at).is_some_and(|right| map.can_join(right))
    }

    /// Lets the map at `at` grow over `map`, and over the next one where that continues both. Both are dropped when that
    /// is done.
    #[inline]
    fn append(&mut self, at: usize, map: VirtualMemoryMap<T>) {
        let old = self.gap_before(at + 1);
        let both = MemoryArea::bounds(self.start(at), map.vmarea().end().get());
        let whole = self.slot(at, both);
        if whole.is_some_and(|whole| self.is_right_of(whole, at + 1)) {
            let end = self.end(at + 1);
            let gone = self.close(at + 1);
            self.set_end(at, end);
            self.settle((old, 0), (0, 0));
            drop(gone);
        } else {
            self.set_end(at, both.end().get());
            self.settle((old, 0), (self.gap_before(at + 1), 0));
        }
    }

    /// Lets the map at `at` grow over `map`, which lies before it. Its old content is dropped when that is done.
    #[inline]
    fn prepend(&mut self, at: usize, map: VirtualMemoryMap<T>) {
        let old = self.gap_before(at);
        let (area, content) = map.into_parts();
        self.set_start(at, area.start().get());
        let gone = self
            .content_mut(at)
            .map(|right| core::mem::replace(right, content));
        self.settle((old, 0), (self.gap_before(at), 0));
        drop(gone);
    }
}
