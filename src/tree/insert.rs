//! Putting a map where nothing is.

use super::leaf::Leaf;
use super::node::Kind;
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
        let area = map.vmarea();
        let mut map = Some(map);
        // Most leaves have room: then one way down is enough.
        let edges = self.edit(area.start().get(), |leaf, at| {
            leaf.is_free(area, at)
                .then(|| map.take().map(|map| leaf.insert(map, at)))?
        });
        if let Some(edges) = edges.flatten() {
            self.join_across(area, edges);
        }
        match map {
            None => Ok(()),
            Some(map) => match self.reserve_insert(area) {
                Ok(()) => {
                    self.insert(map);
                    Ok(())
                }
                Err(error) => Err((error, map)),
            },
        }
    }

    /// Puts `map` where nothing is, and joins it with its neighbours. Reserved.
    pub(crate) fn insert(&mut self, map: VirtualMemoryMap<T>) {
        let area = map.vmarea();
        self.plant();
        let edges = self.edit(area.start().get(), |leaf, at| leaf.insert(map, at));
        if let Some(edges) = edges {
            self.join_across(area, edges);
        }
    }

    /// As [`insert`](Self::insert), where room may still have to be made, with nodes that were set aside.
    pub(crate) fn insert_with_spare(&mut self, map: VirtualMemoryMap<T>) {
        self.make_room(map.vmarea().start().get());
        self.insert(map);
    }

    /// Joins what was put at `area` with neighbours in other leaves, when it is the first or the last in its own.
    #[inline]
    fn join_across(&mut self, area: MemoryArea, (is_first, is_last): (bool, bool)) {
        if is_last {
            area.next().into_iter().for_each(|next| self.join_at(next));
        }
        if is_first {
            self.join_at(area.start());
        }
    }

    /// Puts `map` where nothing is, and joins it with nothing. Reserved.
    pub(super) fn place(&mut self, map: VirtualMemoryMap<T>) {
        self.plant();
        self.edit(map.vmarea().start().get(), |leaf, at| {
            leaf.place_at(at, map);
        });
    }

    /// Sees to it that there is a leaf.
    fn plant(&mut self) {
        if self.root.is_none() {
            self.root = self.pool.take().map(|mut leaf| {
                leaf.0 = Kind::Leaf(Leaf::new());
                leaf
            });
        }
    }

    /// Joins all neighbours that have become one.
    pub(super) fn join_all(&mut self) {
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
    /// become one.
    pub(super) fn join_at(&mut self, addr: VirtAddr) {
        let pair = self.predecessor(addr.get()).zip(self.successor(addr));
        let Some((left, right)) = pair.filter(|(left, right)| left.can_join(*right)) else {
            return;
        };
        let (left_end, right) = (left.vmarea().end().get(), right.vmarea());
        let gone = self.edit(right.start().get(), |leaf, at| {
            let (old, gone) = (leaf.gaps_at(at), leaf.close(at));
            leaf.settle(old, (leaf.gap_before(at), 0));
            gone
        });
        if gone.flatten().is_some() {
            self.edit(left_end, |leaf, at| {
                let old = leaf.gap_before(at + 1);
                leaf.set_end(at, right.end().get());
                leaf.settle((old, 0), (leaf.gap_before(at + 1), 0));
            });
        }
    }
}

impl<T: Payload> Leaf<T> {
    /// Whether `area`, whose place is `at`, is free in this leaf, and there is room.
    #[inline]
    fn is_free(&self, area: MemoryArea, at: usize) -> bool {
        self.has_room() && (at == self.len() || area.end().get() < self.start(at))
    }

    /// Puts `map` at `at`, where nothing is, and joins it with its neighbours in this leaf. Answers whether it, or what
    /// it has become a part of, is now the first, and whether it is the last: then there may be neighbours in other
    /// leaves.
    fn insert(&mut self, map: VirtualMemoryMap<T>, at: usize) -> (bool, bool) {
        let at = match self.left_of(map.view(), at) {
            Some(left) => {
                self.append(left, map);
                left
            }
            None if self.is_right_of(map.view(), at) => {
                self.prepend(at, map);
                at
            }
            None => {
                self.place_at(at, map);
                at
            }
        };
        (at == 0, at + 1 == self.len())
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

    /// Lets the map at `at` grow over `map`, and over the next one where that continues both.
    #[inline]
    fn append(&mut self, at: usize, map: VirtualMemoryMap<T>) {
        let old = self.gap_before(at + 1);
        let both = MemoryArea::bounds(self.start(at), map.vmarea().end().get());
        let whole = self.slot(at, both);
        if whole.is_some_and(|whole| self.is_right_of(whole, at + 1)) {
            let end = self.end(at + 1);
            drop(self.close(at + 1));
            self.set_end(at, end);
            self.settle((old, 0), (0, 0));
        } else {
            self.set_end(at, both.end().get());
            self.settle((old, 0), (self.gap_before(at + 1), 0));
        }
    }

    /// Lets the map at `at` grow over `map`, which lies before it.
    #[inline]
    fn prepend(&mut self, at: usize, map: VirtualMemoryMap<T>) {
        let old = self.gap_before(at);
        let (area, content) = map.into_parts();
        self.set_start(at, area.start().get());
        if let Some(right) = self.content_mut(at) {
            *right = content;
        }
        self.settle((old, 0), (self.gap_before(at), 0));
    }

    #[inline]
    fn place_at(&mut self, at: usize, map: VirtualMemoryMap<T>) {
        let (area, content) = map.into_parts();
        let old = self.gap_before(at);
        self.open(at, area, content);
        self.settle((old, 0), self.gaps_at(at));
    }
}
