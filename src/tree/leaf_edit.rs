//! Edits of a leaf, map by map: each moves maps of one line at most, unless that line is full.

use super::leaf::Leaf;
use super::line::{BEHIND, Mask, next};
use super::size::SLOTS;
use crate::area::MemoryArea;
use crate::map::{Content, VirtualMemoryMap};

impl<T> Leaf<T> {
    /// Moves the first byte of the map at `at`. The content stays.
    #[inline]
    pub(super) fn set_start(&mut self, at: usize, start: usize) {
        if let Some(place) = self.starts.as_flattened_mut().get_mut(at) {
            *place = start;
        }
        self.measure(at / SLOTS);
    }

    /// Moves the last byte of the map at `at`. The content stays.
    #[inline]
    pub(super) fn set_end(&mut self, at: usize, end: usize) {
        let next = self.after(at);
        let old = self.gap_before(next);
        if let Some(mut line) = self.line(at / SLOTS) {
            line.set_end(at % SLOTS, end);
        }
        self.steer(at / SLOTS);
        self.widen(next);
        self.narrow(next, old);
    }

    /// Inserts a map before the one at `at`, or behind all, and answers where it is then. The caller has made room;
    /// without room, the map would be dropped.
    #[inline]
    pub(super) fn insert_at(&mut self, at: usize, area: MemoryArea, content: Content<T>) -> usize {
        let (number, slot) = self.place(at);
        if number == usize::from(self.used) {
            self.open_line();
        }
        let Some(mut line) = self.line(number).filter(|line| *line.mask != Mask::MAX) else {
            return self.make_room_at(at, area, content);
        };
        let slot = line.insert(slot, area, content);
        let is_last = next(*line.mask, slot + 1) >= SLOTS;
        self.len += 1;
        self.measure(number);
        if is_last {
            self.measure(number + 1);
        }
        number * SLOTS + slot
    }

    /// Splits the map at `at`: it ends at `end` then, and the part from `start` on gets `content`; answers where that
    /// part is. What lies between the two is a gap. The caller has made room.
    #[inline]
    pub(super) fn split_at(
        &mut self,
        at: usize,
        [end, start]: [usize; 2],
        content: Content<T>,
    ) -> usize {
        let number = at / SLOTS;
        if let Some(mut line) = self.line(number).filter(|line| *line.mask != Mask::MAX) {
            let slot = line.split(at % SLOTS, end, start, content);
            self.len += 1;
            self.steer(number);
            let at = number * SLOTS + slot;
            self.widen(at);
            return at;
        }
        let last = self.end(at);
        self.set_end(at, end);
        self.insert_at(self.after(at), MemoryArea::bounds(start, last), content)
    }

    /// The line and the slot before which a map goes that comes before the one at `at`. Where `at` begins a line, the
    /// end of the line before is as good, if that has a free slot there.
    #[inline]
    fn place(&self, at: usize) -> (usize, usize) {
        let (line, slot) = (at / SLOTS, at % SLOTS);
        if slot == 0 && line > 0 {
            let has_end = self.mask(at - SLOTS) >> (SLOTS - 1) == 0;
            if has_end || self.mask(at) == 0 && self.mask(at - SLOTS) != Mask::MAX {
                return (line - 1, BEHIND);
            }
        }
        (line, slot)
    }

    /// Removes the map at `at`.
    #[inline]
    pub(super) fn remove_at(&mut self, at: usize) -> Option<VirtualMemoryMap<T>> {
        let (number, slot) = (at / SLOTS, at % SLOTS);
        let mut line = self.line(number)?;
        let (area, content) = line.remove(slot)?;
        let behind = if slot == 0 { 0 } else { next(*line.mask, slot) };
        let is_empty = *line.mask == 0;
        self.len -= 1;
        if is_empty {
            self.close_lines();
        } else if behind < SLOTS && number + behind > 0 {
            self.steer(number);
            self.widen(number * SLOTS + behind);
        } else {
            self.measure(number);
            self.widen((number + 1) * SLOTS);
        }
        Some(VirtualMemoryMap::from_parts(area, content))
    }

    /// Removes the last map.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<VirtualMemoryMap<T>> {
        self.remove_at(self.last()?)
    }

    /// Adds a map behind all others.
    pub(super) fn push(&mut self, map: VirtualMemoryMap<T>) {
        let (area, content) = map.into_parts();
        self.insert_at(usize::from(self.used) * SLOTS, area, content);
    }

    /// Lets the map at `at` grow over the next, which continues it, and answers that one: the caller drops it when the
    /// leaf is in order, as payloads may panic.
    #[inline]
    pub(super) fn swallow_next(&mut self, at: usize) -> Option<VirtualMemoryMap<T>> {
        let next = self.after(at);
        if next % SLOTS == 0 {
            // In another line, whose pilot and gap change, too.
            let gone = self.remove_at(next)?;
            self.set_end(at, gone.vmarea().end().get());
            return Some(gone);
        }
        let mut line = self.line(at / SLOTS)?;
        let (area, content) = line.swallow(at % SLOTS, next % SLOTS)?;
        self.len -= 1;
        self.steer(at / SLOTS);
        Some(VirtualMemoryMap::from_parts(area, content))
    }

    /// Lets the map at `at` grow over the gap behind it and the next map, and answers that one, as
    /// [`swallow_next`](Self::swallow_next) does.
    #[inline]
    pub(super) fn fill_next(&mut self, at: usize) -> Option<VirtualMemoryMap<T>> {
        let gap = self.gap_before(self.after(at));
        let gone = self.swallow_next(at);
        self.narrow(at, gap);
        gone
    }
}
