//! What edits do to the lines of a leaf where one is full or empty, and maps that leave a leaf many at a time.
//!
//! ```text
//! split     |full|....|..|          ->  |half|half|....|..|     while there is a line that is not in use
//! spill     |full|full|not full|    ->  one map goes over each border on the way
//! close     |....|empty|....|       ->  |....|....|
//! ```

use core::ops::Range;

use super::leaf::Leaf;
use super::line::{BEHIND, Mask, next};
use super::size::{LEAF, LEAF_LINES, SLOTS};
use crate::area::MemoryArea;
use crate::map::{Content, VirtualMemoryMap};

impl<T> Leaf<T> {
    /// Inserts a map before the one at `at`, where its line is full: after the line was split, or has given a map away.
    #[cold]
    pub(super) fn make_room_at(
        &mut self,
        at: usize,
        area: MemoryArea,
        content: Content<T>,
    ) -> usize {
        debug_assert!(self.len() < LEAF, "no room was made for a map");
        if self.len() >= LEAF {
            return at;
        }
        let full = (at / SLOTS).min(LEAF_LINES - 1);
        let changed = if usize::from(self.used) < LEAF_LINES {
            self.split_line(full)
        } else {
            self.spill(full)
        };
        changed.for_each(|line| self.measure(line));
        // Which position it is now depends on the way the maps went.
        self.insert_at(self.lower_bound(area.start().get()), area, content)
    }

    /// Moves half of the maps of `line`, which is full, to a line of their own behind it. Answers which lines are to be
    /// measured.
    fn split_line(&mut self, line: usize) -> Range<usize> {
        // The first line that is not in use comes to the place behind.
        let (next, used) = (line + 1, usize::from(self.used));
        self.open_line();
        (next..used)
            .rev()
            .for_each(|line| self.swap_lines(line, line + 1));
        // Every second slot stays free.
        let half = SLOTS / 2;
        for slot in 0..half {
            let map = self.line(line).and_then(|mut line| line.take(half + slot));
            if let (Some(mut next), Some(map)) = (self.line(next), map) {
                next.put(2 * slot, map);
            }
        }
        if let Some(mut line) = self.line(line) {
            for slot in (1..half).rev() {
                let map = line.take(slot);
                map.into_iter().for_each(|map| line.put(2 * slot, map));
            }
            line.mend();
        }
        if let Some(mut next) = self.line(next) {
            next.mend();
        }
        line..LEAF_LINES
    }

    /// Takes the next line into use, which is to get maps. The slots of a line are made when that is needed first: all
    /// of them at once would be more than a kernel stack holds.
    #[inline]
    pub(super) fn open_line(&mut self) {
        if usize::from(self.used) < LEAF_LINES {
            self.used += 1;
            while self.contents.len() < usize::from(self.used) * SLOTS {
                self.contents.push(None);
            }
        }
    }

    /// Swaps two lines; pilot and gaps stay. One content after the other: a line of them may be larger than a kernel
    /// stack.
    fn swap_lines(&mut self, one: usize, other: usize) {
        self.ends.swap(one, other);
        self.starts.swap(one, other);
        self.masks.swap(one, other);
        for slot in (0..SLOTS).filter(|_| one != other) {
            self.contents.swap(one * SLOTS + slot, other * SLOTS + slot);
        }
    }

    /// Moves one map from `line`, which is full, to the next line or the last before that has room, from line to line.
    /// Answers which lines are to be measured.
    fn spill(&mut self, line: usize) -> Range<usize> {
        let has_room = |line: &usize| self.mask(line * SLOTS) != Mask::MAX;
        let right = (line + 1..LEAF_LINES).find(has_room);
        let left = (0..line).rev().find(has_room);
        let is_right = match (left, right) {
            (Some(left), Some(right)) => right - line <= line - left,
            (left, _) => left.is_none(),
        };
        if let Some(right) = right.filter(|_| is_right) {
            (line..right)
                .rev()
                .for_each(|line| self.carry(line, line + 1, SLOTS - 1, 0));
            return line..right + 2;
        }
        let left = left.unwrap_or(line);
        (left + 1..=line).for_each(|line| self.carry(line, line - 1, 0, BEHIND));
        left..line + 2
    }

    /// Moves the map at slot `last` of the line `from`, which is full, to the line `to`, before its map at `slot`.
    fn carry(&mut self, from: usize, to: usize, last: usize, slot: usize) {
        let map = self.line(from).and_then(|mut from| from.remove(last));
        if let (Some((area, content)), Some(mut to)) = (map, self.line(to)) {
            to.insert(slot, area, content);
        }
    }

    /// Lets lines in use come first again, after some have become empty.
    #[cold]
    pub(super) fn close_lines(&mut self) {
        let mut used = 0;
        for line in 0..LEAF_LINES {
            if self.masks.get(line).is_some_and(|&mask| mask != 0) {
                self.swap_lines(line, used);
                used += 1;
            }
        }
        self.used = u8::try_from(used).unwrap_or(0);
        self.measure_all();
    }

    /// Removes maps from `at` on, as long as they end at `end` or before, and hands them to `sink` in order. Answers
    /// the position of the first map that stays. When `sink` panics, the maps that it has not got stay, too.
    pub(super) fn drain_through(
        &mut self,
        at: usize,
        end: usize,
        mut sink: impl FnMut(VirtualMemoryMap<T>),
    ) -> usize {
        let (mut number, mut slot) = (at / SLOTS, at % SLOTS);
        let closing = Closing {
            leaf: self,
            first: number,
        };
        while let Some(mut line) = closing.leaf.line(number) {
            slot = next(*line.mask, slot);
            match line.ends.get(slot) {
                Some(&last) if last <= end => {
                    let taken = line.take(slot);
                    closing.leaf.len -= u8::from(taken.is_some());
                    let map =
                        taken.map(|(area, content)| VirtualMemoryMap::from_parts(area, content));
                    map.into_iter().for_each(&mut sink);
                }
                Some(_) => break,
                None => (number, slot) = (number + 1, 0),
            }
        }
        drop(closing);
        self.lower_bound(end)
    }

    /// Moves all maps but the first `kept` to the front of `right`, which has room.
    pub(super) fn move_tail(&mut self, kept: usize, right: &mut Self) {
        if right.len() == 0 {
            self.drain_through(self.nth(kept), usize::MAX, |map| right.push(map));
        } else {
            while self.len() > kept {
                let Some(map) = self.pop() else { return };
                let (area, content) = map.into_parts();
                right.insert_at(0, area, content);
            }
        }
    }

    /// Moves the first `count` maps to the end of `left`, which has room.
    pub(super) fn move_head(&mut self, count: usize, left: &mut Self) {
        if let Some(last) = count.checked_sub(1) {
            let end = self.end(self.nth(last));
            self.drain_through(0, end, |map| left.push(map));
        }
    }
}

/// A leaf whose maps are leaving, from the line `first` on. Its lines are mended when they have gone, even by a panic.
struct Closing<'a, T> {
    leaf: &'a mut Leaf<T>,
    first: usize,
}

impl<T> Drop for Closing<'_, T> {
    #[inline]
    fn drop(&mut self) {
        for number in self.first..LEAF_LINES {
            if let Some(mut line) = self.leaf.line(number) {
                line.mend();
            }
        }
        self.leaf.close_lines();
    }
}
