//! A leaf: maps in address order, in lines that have free slots of their own.
//!
//! ```text
//! halves     0         1          0         1         ..
//! pilot    0x4fff    0x8fff     0xefff    0xefff    MAX     last key of each half of a line: a search compares a half
//! lines   |A| |B| . |C| | | .  |D|E| | . | | | | .   ..     16 slots; an edit moves maps of one line at most
//! gaps          0x3000               0x1000          0      the largest gap before a map of the line
//! ```
//!
//! A position is a line and a slot in it, as one number: `line × SLOTS + slot`. Maps that follow each other need not
//! have positions that do: [`after`](Leaf::after) and [`before`](Leaf::before) lead from one to the next. Lines in use
//! come first, and each has a map in its first slot. An insert may move maps to other positions, and answers where the
//! new map is. A removal moves none of the maps before it.
//!
//! The position behind the last map reads as a map at the last address: `start` and `end` answer `usize::MAX`. So a
//! caller may ask for it, as a search answers it, and compares without a test for the length.
//!
//! Payloads may panic when they split or are dropped. No method drops a payload, or asks it, before the leaf is in
//! order; guards see to those that hand maps to foreign code.

use arrayvec::ArrayVec;

use super::keys::{LINE, below};
use super::line::{BEHIND, Line, Mask, next, previous};
use super::size::{FULL, HALVES, LEAF, LEAF_LINES, SLOTS};
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::{Content, MapRef, Payload};

/// Up to LEAF maps in address order, disjoint. Between edits there are FULL at most.
///
/// All addresses are the first or last byte of a map, both included, so a map that ends at the last address is nothing
/// special. Lines that are not in use read as maps at the last address.
pub(super) struct Leaf<T> {
    /// The last key of each half of a line, which leads a search to the half.
    pub(super) pilot: [[usize; HALVES]; LEAF_LINES],
    /// The last byte of each map, by slots: the keys of a search, which reads no more of a leaf until it has a slot.
    pub(super) ends: [[usize; SLOTS]; LEAF_LINES],
    /// The first byte of each map.
    pub(super) starts: [[usize; SLOTS]; LEAF_LINES],
    /// What else is known of each map, for the lines that were in use once.
    pub(super) contents: ArrayVec<Option<Content<T>>, LEAF>,
    /// The largest gap before a map of each line, and behind another map of the leaf, in bytes.
    pub(super) gaps: [usize; LEAF_LINES],
    /// Which slots of each line are in use.
    pub(super) masks: [Mask; LEAF_LINES],
    /// How many maps there are.
    pub(super) len: u8,
    /// How many lines are in use.
    pub(super) used: u8,
}

impl<T> Leaf<T> {
    /// An empty leaf. Inlined, so that it is made in the node's own memory: it may be larger than a kernel stack.
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self {
            pilot: [[usize::MAX; HALVES]; LEAF_LINES],
            ends: [[usize::MAX; SLOTS]; LEAF_LINES],
            starts: [[usize::MAX; SLOTS]; LEAF_LINES],
            contents: ArrayVec::new_const(),
            gaps: [0; LEAF_LINES],
            masks: [0; LEAF_LINES],
            len: 0,
            used: 0,
        }
    }

    /// Whether `growth` more maps may stay in the leaf when the edit ends.
    #[inline]
    pub(super) fn has_room_for(&self, growth: usize) -> bool {
        self.len() + growth <= FULL
    }

    /// How many maps the leaf has.
    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// The position of the first map that does not end before `addr`. When all do, the answer is a position without a
    /// map, or the last position of a leaf at its capacity. O(1), without a branch.
    ///
    /// A lookup can do with that: it checks that the map there holds `addr`.
    #[inline(always)]
    pub(super) fn search(&self, addr: usize) -> usize {
        let half = below(self.pilot.as_flattened(), addr) * LINE;
        let keys = self.ends.as_flattened().get(half..half + LINE);
        half + below(keys.unwrap_or_default(), addr)
    }

    /// The position of the first map that does not end before `addr`; one without a map when all do. A map at `addr`
    /// is, or would be inserted, there. O(1).
    #[inline]
    pub(super) fn lower_bound(&self, addr: usize) -> usize {
        let at = self.search(addr);
        if self.end(at) < addr { LEAF } else { at }
    }

    /// Which slots are in use in the line of `at`.
    #[inline]
    pub(super) fn mask(&self, at: usize) -> Mask {
        self.masks.get(at / SLOTS).copied().unwrap_or(0)
    }

    /// Whether there is a map at `at`.
    #[inline]
    pub(super) fn has(&self, at: usize) -> bool {
        self.mask(at) >> (at % SLOTS) & 1 == 1
    }

    /// The position of the map behind the one at `at`; one without a map behind the last.
    #[inline]
    pub(super) fn after(&self, at: usize) -> usize {
        let line = at - at % SLOTS;
        line + next(self.mask(at), at % SLOTS + 1).min(SLOTS)
    }

    /// The position of the map before `at`, where a map is or would be inserted; `None` for the first.
    #[inline]
    pub(super) fn before(&self, at: usize) -> Option<usize> {
        if let Some(slot) = previous(self.mask(at), at % SLOTS) {
            return Some(at - at % SLOTS + slot);
        }
        let line = (at / SLOTS).checked_sub(1)? * SLOTS;
        Some(line + previous(self.mask(line), BEHIND)?)
    }

    /// Whether the map at `at` is the first of the leaf, and whether it is the last.
    #[inline]
    pub(super) fn edges(&self, at: usize) -> (bool, bool) {
        (at == 0, !self.has(self.after(at)))
    }

    /// The position of the last map.
    #[inline]
    pub(super) fn last(&self) -> Option<usize> {
        self.before(usize::from(self.used) * SLOTS)
    }

    /// How many maps come before position `at`.
    pub(super) fn rank(&self, at: usize) -> usize {
        let count = |mask: Mask| mask.count_ones() as usize;
        let lines = self.masks.iter().take(at / SLOTS);
        let here = self.mask(at) & ((1 << (at % SLOTS)) - 1);
        lines.copied().map(count).sum::<usize>() + count(here)
    }

    /// The position of the map with `rank` maps before it; one without a map when there are not that many.
    pub(super) fn nth(&self, rank: usize) -> usize {
        self.positions().nth(rank).unwrap_or(LEAF)
    }

    /// The positions of all maps, in order.
    fn positions(&self) -> impl Iterator<Item = usize> {
        (0..LEAF).filter(|&at| self.has(at))
    }

    /// The areas of all maps, in order.
    pub(super) fn areas(&self) -> impl Iterator<Item = MemoryArea> {
        self.positions().map(|at| self.area(at))
    }

    /// The first byte of the map at `at`; `usize::MAX` when there is none.
    #[inline]
    pub(super) fn start(&self, at: usize) -> usize {
        let start = self.starts.as_flattened().get(at);
        start.copied().unwrap_or(usize::MAX)
    }

    /// The last byte of the map at `at`; `usize::MAX` when there is none.
    #[inline]
    pub(super) fn end(&self, at: usize) -> usize {
        let end = self.ends.as_flattened().get(at);
        end.copied().unwrap_or(usize::MAX)
    }

    /// The last byte of the map before `at`, in a line that is in use. For the first map of all, the answer leaves no
    /// gap.
    ///
    /// A free slot reads as an empty map behind the one before it, so the slot before is asked, in use or not.
    #[inline]
    pub(super) fn end_before(&self, at: usize) -> usize {
        match at.checked_sub(1) {
            Some(before) => self.end(before),
            None => self.start(0).wrapping_sub(1),
        }
    }

    /// The first byte of the first map.
    #[inline]
    pub(super) fn low(&self) -> usize {
        self.start(0)
    }

    /// The last byte of the last map; `usize::MAX` when there is none.
    #[inline]
    pub(super) fn high(&self) -> usize {
        // The last slot of the last line, in use or not, reads so; without a line there is no such position.
        self.end((usize::from(self.used) * SLOTS).wrapping_sub(1))
    }

    /// The area of the map at `at`.
    #[inline]
    pub(super) fn area(&self, at: usize) -> MemoryArea {
        MemoryArea::bounds(self.start(at), self.end(at))
    }

    /// The content of the map at `at`.
    #[inline]
    fn content(&self, at: usize) -> Option<&Content<T>> {
        self.contents.get(at)?.as_ref()
    }

    /// The content of the map at `at`, to be changed.
    #[inline]
    pub(super) fn content_mut(&mut self, at: usize) -> Option<&mut Content<T>> {
        self.contents.get_mut(at)?.as_mut()
    }

    /// The line of this number, to be changed; `None` for one that was not in use yet. Whoever changes it keeps the
    /// pilot and the gaps true.
    #[inline]
    pub(super) fn line(&mut self, line: usize) -> Option<Line<'_, T>> {
        let slots = line * SLOTS..(line + 1) * SLOTS;
        Some(Line {
            ends: self.ends.get_mut(line)?,
            starts: self.starts.get_mut(line)?,
            contents: self.contents.get_mut(slots)?.try_into().ok()?,
            mask: self.masks.get_mut(line)?,
        })
    }

    /// The map at `at`.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<MapRef<'_, T>> {
        self.view_at(at, self.area(at))
    }

    /// The map at `at` as it would be at `area`: for a look at a map before it grows.
    #[inline]
    pub(super) fn view_at(&self, at: usize, area: MemoryArea) -> Option<MapRef<'_, T>> {
        Some(MapRef::new(area, self.content(at)?))
    }

    /// Checks that no map of the leaf has a byte in `area`, whose start is or would be at position `at`.
    ///
    /// # Errors
    /// [`MapError::Overlap`] with the first map in the way.
    #[inline]
    pub(super) fn check_free(&self, area: MemoryArea, at: usize) -> Result<(), MapError> {
        if self.start(at) <= area.end().get() && self.has(at) {
            return Err(MapError::Overlap {
                existing: self.area(at),
            });
        }
        Ok(())
    }

    /// The map that holds `addr`. O(1), without a branch but for whether there is one.
    #[inline(always)]
    pub(super) fn find(&self, addr: usize) -> Option<MapRef<'_, T>> {
        self.find_at(self.search(addr), addr)
    }

    /// The map at `at`, if it holds `addr`. Any position may be asked for: hints and searches guess.
    #[inline]
    pub(super) fn find_at(&self, at: usize, addr: usize) -> Option<MapRef<'_, T>> {
        let (start, end) = (self.start(at), self.end(at));
        if start <= addr && addr <= end {
            self.view_at(at, MemoryArea::bounds(start, end))
        } else {
            None
        }
    }

    /// Whether pilot, lines and gaps agree. For audits.
    pub(super) fn is_sound(&self) -> bool {
        let used = usize::from(self.used);
        let masks = self.masks.iter();
        self.positions().count() == self.len()
            && used <= LEAF_LINES
            && masks.clone().take(used).all(|mask| mask & 1 == 1)
            && masks.skip(used).all(|&mask| mask == 0)
            && (0..LEAF).all(|at| self.is_sound_at(at))
            && self.ends.iter().map(pilots).eq(self.pilot)
            && (0..LEAF_LINES).all(|line| self.gaps.get(line) == Some(&self.gap_of(line)))
    }

    /// Whether a slot in use has a map, and a free one reads as it should. For audits.
    fn is_sound_at(&self, at: usize) -> bool {
        let (start, end) = (self.start(at), self.end(at));
        let reads = if at / SLOTS < usize::from(self.used) {
            self.has(at) || end == self.end_before(at) && start == end.wrapping_add(1)
        } else {
            start == usize::MAX && end == usize::MAX
        };
        reads && self.content(at).is_some() == self.has(at)
    }
}

impl<T: Payload> Leaf<T> {
    /// Whether the map at `at` and the next are to be one.
    #[inline]
    pub(super) fn joins_next(&self, at: usize) -> bool {
        let next = self.after(at);
        // Most neighbours lie apart: the rest of them is not even read.
        self.start(next) == self.end(at).wrapping_add(1)
            && match (self.get(at), self.get(next)) {
                (Some(left), Some(right)) => left.can_join(right),
                _ => false,
            }
    }
}

/// The last key of each half of a line.
#[inline]
pub(super) const fn pilots(ends: &[usize; SLOTS]) -> [usize; HALVES] {
    let [_, _, _, _, _, _, _, one, .., other] = ends;
    [*one, *other]
}
