//! Inserts into one leaf, and the joins with the two neighbours there.
//!
//! Payloads that are no longer needed are dropped last, as their destructors may panic.
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
    /// Inserts `map` at `at`, where no map is, and joins it with no neighbour; answers where it is then. The caller has
    /// made room.
    #[inline]
    pub(super) fn insert_apart(&mut self, at: usize, map: VirtualMemoryMap<T>) -> usize {
        let (area, content) = map.into_parts();
        self.insert_at(at, area, content)
    }
}

impl<T: Payload> Leaf<T> {
    /// Inserts the map at `at`, and joins it with its neighbours in this leaf. `None`, and the map stays, when another
    /// map is in the way, or when there is no room.
    ///
    /// Answers where the inserted map is, or the map that has grown over it.
    #[inline]
    pub(super) fn insert_joined(
        &mut self,
        map: &mut Option<VirtualMemoryMap<T>>,
        at: usize,
    ) -> Option<usize> {
        let new = map.as_ref()?.view();
        if self.start(at) <= new.vmarea().end().get() && self.has(at) {
            return None;
        }
        if let Some(left) = self.left_of(new, at) {
            self.append(left, map.take()?);
            Some(left)
        } else if self.is_right_of(new, at) {
            self.prepend(at, map.take()?);
            Some(at)
        } else if self.has_room_for(1) {
            Some(self.insert_apart(at, map.take()?))
        } else {
            None
        }
    }

    /// The position of the map before `at`, if `map`, inserted at `at`, continues it.
    #[inline]
    fn left_of(&self, map: MapRef<'_, T>, at: usize) -> Option<usize> {
        // Most neighbours lie apart: they are not even looked for.
        if self.end_before(at).wrapping_add(1) != map.vmarea().start().get() {
            return None;
        }
        let left = self.before(at)?;
        self.get(left)?.can_join(map).then_some(left)
    }

    /// Whether the map at `at` continues `map`, which ends before it.
    #[inline]
    fn is_right_of(&self, map: MapRef<'_, T>, at: usize) -> bool {
        map.vmarea().end().get().wrapping_add(1) == self.start(at)
            && self.get(at).is_some_and(|right| map.can_join(right))
    }

    /// Lets the map at `at` grow over `map`, which continues it, and over the next map where that continues both. The
    /// maps that it grows over are dropped last.
    fn append(&mut self, at: usize, map: VirtualMemoryMap<T>) {
        let both = MemoryArea::bounds(self.start(at), map.vmarea().end().get());
        let whole = self.view_at(at, both);
        let joins = whole.is_some_and(|whole| self.is_right_of(whole, self.after(at)));
        if joins {
            drop(self.fill_next(at));
        } else {
            self.set_end(at, both.end().get());
        }
    }

    /// Lets the map at `at` grow down over `map`, which it continues: it takes over `map`'s content, as that comes
    /// first. Its old content is dropped last.
    fn prepend(&mut self, at: usize, map: VirtualMemoryMap<T>) {
        let (area, content) = map.into_parts();
        self.set_start(at, area.start().get());
        let right = self.content_mut(at);
        drop(right.map(|right| core::mem::replace(right, content)));
    }
}
