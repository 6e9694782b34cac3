//! Sets of pages: a bit for each.

use alloc::boxed::Box;
use core::ops::Range;

/// A set of pages in `W` words.
#[derive(Clone, Debug)]
pub(super) struct Bits<const W: usize>(Box<[u64; W]>);

/// The bits of word `word` that are in `range`.
fn mask(range: &Range<usize>, word: usize) -> u64 {
    let low = range.start.saturating_sub(word * 64).min(64);
    let high = range.end.saturating_sub(word * 64).min(64);
    below(high) & !below(low)
}

/// The lowest `count` bits.
fn below(count: usize) -> u64 {
    if count == 64 {
        u64::MAX
    } else {
        (1 << count) - 1
    }
}

/// The words that have a page of `range`.
fn words(range: &Range<usize>) -> Range<usize> {
    range.start / 64..range.end.div_ceil(64)
}

impl<const W: usize> Bits<W> {
    pub(super) fn new() -> Self {
        Self(Box::new([0; W]))
    }

    pub(super) fn word(&self, word: usize) -> u64 {
        self.0[word]
    }

    /// Word `word`, with each bit at the place of the page behind.
    pub(super) fn shifted(&self, word: usize) -> u64 {
        let carry = if word == 0 { 0 } else { self.0[word - 1] >> 63 };
        self.0[word] << 1 | carry
    }

    pub(super) fn has(&self, page: usize) -> bool {
        self.0[page / 64] >> (page % 64) & 1 != 0
    }

    pub(super) fn set(&mut self, range: Range<usize>, is_in: bool) {
        for word in words(&range) {
            let mask = mask(&range, word);
            if is_in {
                self.0[word] |= mask;
            } else {
                self.0[word] &= !mask;
            }
        }
    }

    /// The first page of `range` that is in the set, or is not.
    pub(super) fn first(&self, range: Range<usize>, is_in: bool) -> Option<usize> {
        let flip = if is_in { 0 } else { u64::MAX };
        words(&range).find_map(|word| {
            let found = (self.0[word] ^ flip) & mask(&range, word);
            (found != 0).then(|| word * 64 + found.trailing_zeros() as usize)
        })
    }

    /// How many pages of `range` are in the set.
    pub(super) fn count(&self, range: Range<usize>) -> usize {
        words(&range)
            .map(|word| (self.0[word] & mask(&range, word)).count_ones() as usize)
            .sum()
    }

    /// Up to 64 pages from `first` on.
    fn part(&self, first: usize, count: usize) -> u64 {
        let (word, shift) = (first / 64, first % 64);
        let low = self.0[word] >> shift;
        let high = match self.0.get(word + 1) {
            Some(next) if shift > 0 => next << (64 - shift),
            _ => 0,
        };
        (low | high) & below(count)
    }

    /// Makes `count` pages from `to` on what those from `from` on are. The two do not overlap.
    pub(super) fn copy(&mut self, from: usize, to: usize, count: usize) {
        for done in (0..count).step_by(64) {
            let (to, count) = (to + done, (count - done).min(64));
            let part = self.part(from + done, count);
            self.set(to..to + count, false);
            self.0[to / 64] |= part << (to % 64);
            if to % 64 + count > 64 {
                self.0[to / 64 + 1] |= part >> (64 - to % 64);
            }
        }
    }
}
