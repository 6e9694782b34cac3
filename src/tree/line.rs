//! A line of a leaf: a few maps in address order, with free slots among them.
//!
//! ```text
//! slot        0        1        2        3        4     5 ..= 15
//! in use      x                 x        x
//! ends     0x1fff   0x1fff   0x4fff   0x8fff   0x8fff   0x8fff     last byte of each map; a search reads these alone
//! starts   0x1000   0x2000   0x3000   0x8000   0x9000   0x9000     first byte of each map
//! contents    A      None       B        C      None     None
//! ```
//!
//! A free slot reads as an empty map right behind the map before it. So a search, which looks for the first end that is
//! not less than an address, never answers a free slot, and a free slot adds no gap. Slot 0 is in use.
//!
//! A map that leaves a line leaves a free slot, and a map that comes finds one near by: few maps move, often none. They
//! move by a loop of the line's own, as a call of `memmove` would cost as much as the move.

use super::size::SLOTS;
use crate::area::MemoryArea;
use crate::map::Content;

/// Which slots of a line are in use, a bit each.
pub(super) type Mask = u16;

const _: () = assert!(Mask::BITS as usize == SLOTS);

/// The slot behind all maps of a line, for a map that is to be inserted there.
pub(super) const BEHIND: usize = SLOTS;

/// The first slot in use from `slot` on; SLOTS or more when there is none.
#[inline]
pub(super) fn next(mask: Mask, slot: usize) -> usize {
    slot + (u32::from(mask) >> (slot % 32)).trailing_zeros() as usize
}

/// The last slot in use before `slot`.
#[inline]
pub(super) fn previous(mask: Mask, slot: usize) -> Option<usize> {
    let before = u32::from(mask) & ((1 << (slot % 32)) - 1);
    before.checked_ilog2().map(|slot| slot as usize)
}

/// A line of a leaf, to be changed. A slot is taken by its remainder by SLOTS.
pub(super) struct Line<'a, T> {
    pub(super) ends: &'a mut [usize; SLOTS],
    pub(super) starts: &'a mut [usize; SLOTS],
    /// The facts that do not depend on the maps' addresses, and the payloads.
    pub(super) contents: &'a mut [Option<Content<T>>; SLOTS],
    pub(super) mask: &'a mut Mask,
}

#[expect(clippy::indexing_slicing, reason = "remainders are less than SLOTS")]
impl<T> Line<'_, T> {
    /// Moves the last byte of the map at `slot`.
    #[inline]
    pub(super) fn set_end(&mut self, slot: usize, end: usize) {
        self.ends[slot % SLOTS] = end;
        self.free(slot + 1, end);
    }

    /// Inserts a map before the one at `slot`, or behind all maps, and answers its slot. The line has a free slot.
    #[inline]
    pub(super) fn insert(&mut self, slot: usize, area: MemoryArea, content: Content<T>) -> usize {
        let to = if (slot == BEHIND || *self.mask == 0) && *self.mask >> (SLOTS - 1) == 0 {
            // Behind all maps: the slots behind that one stay free for more of them.
            let to = SLOTS - self.mask.leading_zeros() as usize;
            self.free(to + 1, area.end().get());
            to
        } else if slot > 0 && *self.mask >> ((slot - 1) % SLOTS) & 1 == 0 {
            slot - 1
        } else {
            self.make_way(slot)
        };
        self.put(to, (area, content));
        to
    }

    /// Splits the map at `slot`: it ends at `end` then, and the part from `start` on, whose content is given, is in the
    /// slot that is answered. The line has a free slot.
    #[inline]
    pub(super) fn split(
        &mut self,
        slot: usize,
        end: usize,
        start: usize,
        content: Content<T>,
    ) -> usize {
        let last = self.ends[slot % SLOTS];
        let next = slot + 1;
        // The free slots behind the map follow the new part, which ends where the map did.
        let to = if next < SLOTS && *self.mask >> next & 1 == 0 {
            next
        } else {
            self.make_way(next)
        };
        // The slot before the new part's: the map may have moved.
        self.ends[(to + SLOTS - 1) % SLOTS] = end;
        self.put(to, (MemoryArea::bounds(start, last), content));
        to
    }

    /// Takes the map at `next` out, and lets the one at `slot`, which it continues, grow over it.
    #[inline]
    pub(super) fn swallow(&mut self, slot: usize, next: usize) -> Option<(MemoryArea, Content<T>)> {
        let taken = self.take(next)?;
        // The free slots behind the other follow it, and so the map that ends there now.
        let end = taken.0.end().get();
        self.ends[slot % SLOTS] = end;
        for free in slot + 1..=next {
            self.ends[free % SLOTS] = end;
            self.starts[free % SLOTS] = end.wrapping_add(1);
        }
        Some(taken)
    }

    /// Frees a slot between the maps at `slot` and before it, both of which are there: maps move towards the nearest
    /// free slot. Answers the slot.
    fn make_way(&mut self, slot: usize) -> usize {
        let left = previous(!*self.mask, slot);
        let right = next(!*self.mask, slot);
        match left {
            Some(left) if right >= SLOTS || slot - left <= right - slot + 1 => {
                *self.mask |= 1 << (left % SLOTS);
                (left..slot - 1).for_each(|to| self.shift(to + 1, to));
                slot - 1
            }
            _ => {
                *self.mask |= 1 << (right % SLOTS);
                (slot..right)
                    .rev()
                    .for_each(|from| self.shift(from, from + 1));
                slot
            }
        }
    }

    /// Takes the map at `slot` out, which is there. Its slot, and the free ones behind it, follow the map before.
    #[inline]
    pub(super) fn remove(&mut self, slot: usize) -> Option<(MemoryArea, Content<T>)> {
        let taken = self.take(slot)?;
        if slot % SLOTS == 0 {
            self.mend_first();
        } else {
            self.free(slot, self.ends[(slot - 1) % SLOTS]);
        }
        Some(taken)
    }

    /// Takes the map at `slot` out. Its slot reads as before, until the line is [mended](Self::mend).
    #[inline]
    pub(super) fn take(&mut self, slot: usize) -> Option<(MemoryArea, Content<T>)> {
        let content = self.contents[slot % SLOTS].take()?;
        *self.mask &= !(1 << (slot % SLOTS));
        let (start, end) = (self.starts[slot % SLOTS], self.ends[slot % SLOTS]);
        Some((MemoryArea::bounds(start, end), content))
    }

    /// Puts a map into `slot`, which is free. If the slots behind follow another map, the line is to be
    /// [mended](Self::mend).
    #[inline]
    pub(super) fn put(&mut self, slot: usize, map: (MemoryArea, Content<T>)) {
        let (area, content) = map;
        self.starts[slot % SLOTS] = area.start().get();
        self.ends[slot % SLOTS] = area.end().get();
        self.contents[slot % SLOTS] = Some(content);
        *self.mask |= 1 << (slot % SLOTS);
    }

    /// Makes slot 0 and the free slots right again, after maps were taken out or put in.
    pub(super) fn mend(&mut self) {
        self.mend_first();
        for slot in 1..SLOTS {
            if *self.mask != 0 && *self.mask >> slot & 1 == 0 {
                self.free(slot, self.ends[(slot - 1) % SLOTS]);
            }
        }
    }

    /// Moves the first map to slot 0. A line without maps is not in use then.
    fn mend_first(&mut self) {
        let first = next(*self.mask, 0);
        if first >= SLOTS {
            *self.ends = [usize::MAX; SLOTS];
            *self.starts = [usize::MAX; SLOTS];
        } else if first > 0 {
            self.shift(first, 0);
            *self.mask ^= 1 | 1 << first;
            self.free(1, self.ends[0]);
        }
    }

    /// Lets the free slots from `slot` on, up to the next map, follow a map that ends at `end`.
    #[inline]
    fn free(&mut self, slot: usize, end: usize) {
        // A copy, as the mask is not known to be another than the ends.
        let (mut slot, mask) = (slot, *self.mask);
        while slot < SLOTS && mask >> slot & 1 == 0 {
            self.ends[slot % SLOTS] = end;
            self.starts[slot] = end.wrapping_add(1);
            slot += 1;
        }
    }

    /// Moves the map at one slot to another, which has none.
    #[inline]
    fn shift(&mut self, from: usize, to: usize) {
        let (from, to) = (from % SLOTS, to % SLOTS);
        self.ends[to] = self.ends[from];
        self.starts[to] = self.starts[from];
        self.contents[to] = self.contents[from].take();
    }
}
