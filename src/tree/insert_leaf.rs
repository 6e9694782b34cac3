//! Inserts into one leaf, and the joins with the two neighbours there.
//!
//! Each keeps the largest gap true by the gaps that it changes: the gap that the map falls into, and the two that are
//! left of it. Payloads that are no longer needed are dropped last, as their destructors may panic.
//!
//! ```text
//! apart      |left|   new   |right|    a third map, if there is room
//! append     |left|new      |right|    left grows over new; no room is needed
//! both       |left|new|right|          left grows over both, and the leaf has a map less
//! prepend    |left|      new|right|    right grows down over new
//! ```

use super::leaf::Leaf;
use crate::area::MemoryArea;
use crate::map::{MapRef, Payload, VirtualMemoryMap};

impl<T> Leaf<T> {
    /// Inserts `map` at `at`, where no map is, and joins it with no neighbour. The caller has made room.
    #[inline]
    pub(super) fn insert_apart(&mut self, at: usize, map: VirtualMemoryMap<T>) {
        let (area, content) = map.into_parts();
        let old = self.gap_before(at);
        self.insert_at(at, area, content);
        self.update_max_gap((old, 0), self.gaps_at(at));
    }
}

impl<T: Payload> Leaf<T> {
    /// Inserts the map at `at`, and joins it with its neighbours in this leaf. `None`, and the map stays, when another
    /// map is in the way, or when there is no room.
    ///
    /// Answers whether the inserted map, or the map that has grown over it, is now the first of the leaf, and whether
    /// it is the last. If so, neighbours in other leaves may have to be joined with it.
    pub(super) fn insert_joined(
        &mut self,
        map: &mut Option<VirtualMemoryMap<T>>,
        at: usize,
    ) -> Option<(bool, bool)> {
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
            self.insert_apart(at, map.take()?);
            at
        } else {
            return None;
        };
        Some((at == 0, at + 1 == self.len()))
    }

    /// The position of the map before `at`, if `map`, inserted at `at`, continues it.
    #[inline]
    fn left_of(&self, map: MapRef<'_, T>, at: usize) -> Option<usize> {
        let left = at.checked_sub(1)?;
        // Most neighbours lie apart: the rest of them is not even read.
        let touches = self.end(left).wrapping_add(1) == map.vmarea().start().get();
        (touches && self.get(left)?.can_join(map)).then_some(left)
    }

    /// Whether the map at `at` continues `map`, which ends before it.
    #[inline]
    fn is_right_of(&self, map: MapRef<'_, T>, at: usize) -> bool {
        map.vmarea().end().get().wrapping_add(1) == self.start(at)
            && self.get(at).is_some_and(|right| map.can_join(right))
    }

    /// Lets the map at `at` grow over `map`, which continues it, and over the next map where that continues both. The
    /// maps that it grows over are dropped last.
    #[inline]
    fn append(&mut self, at: usize, map: VirtualMemoryMap<T>) {
        let old = self.gap_before(at + 1);
        let both = MemoryArea::bounds(self.start(at), map.vmarea().end().get());
        let whole = self.view_at(at, both);
        if whole.is_some_and(|whole| self.is_right_of(whole, at + 1)) {
            let end = self.end(at + 1);
            let gone = self.remove_at(at + 1);
            self.set_end(at, end);
            self.update_max_gap((old, 0), (0, 0));
            drop(gone);
        } else {
            self.set_end(at, both.end().get());
            self.update_max_gap((old, 0), (self.gap_before(at + 1), 0));
        }
    }

    /// Lets the map at `at` grow down over `map`, which it continues: it takes over `map`'s content, as that comes
    /// first. Its old content is dropped last.
    #[inline]
    fn prepend(&mut self, at: usize, map: VirtualMemoryMap<T>) {
        let old = self.gap_before(at);
        let (area, content) = map.into_parts();
        self.set_start(at, area.start().get());
        let gone = self
            .content_mut(at)
            .map(|right| core::mem::replace(right, content));
        self.update_max_gap((old, 0), (self.gap_before(at), 0));
        drop(gone);
    }
}
