//! Sorted addresses that are searched without branches.
//!
//! A search compares an address with one cache line of keys at a time, and adds up the comparisons. That costs more
//! comparisons than a binary search, but no branch whose outcome a predictor would have to guess.

use core::ops::Range;

/// How many keys are compared at a time: a cache line of them.
pub(super) const LINE: usize = 8;

/// Up to `8 × B` addresses in ascending order: the keys of one node.
///
/// The keys know no length: the node that owns them keeps it, and passes it where keys move. Keys behind that length
/// are `usize::MAX`, so that a search may read them as keys beyond every address.
///
/// ```text
/// pilot        30                 70                 MAX
/// lines   10 15 .. 28 30     40 41 .. 66 70     90 95 MAX .. MAX
/// ```
pub(super) struct Keys<const B: usize> {
    /// The last key of each line, which leads a search to the line.
    pilot: [usize; B],
    /// The keys, a cache line of them in each array.
    lines: [[usize; LINE]; B],
}

impl<const B: usize> Keys<B> {
    pub(super) const fn new() -> Self {
        Self {
            pilot: [usize::MAX; B],
            lines: [[usize::MAX; LINE]; B],
        }
    }

    /// The position of the first key that is not less than `addr`; the last position when all `8 × B` keys are less.
    /// O(B), without a branch.
    ///
    /// The last key of a line is not compared: if no other key of the line answers, that one does.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the remainder is less than B")]
    pub(super) fn search(&self, addr: usize) -> usize {
        let line = below(&self.pilot, addr) % B;
        line * LINE + below(&self.lines[line], addr)
    }

    /// All keys in order, those behind the length as well.
    #[inline]
    pub(super) fn all(&self) -> &[usize] {
        self.lines.as_flattened()
    }

    /// The key at `at`, `usize::MAX` behind the length; `None` beyond the capacity.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<usize> {
        self.all().get(at).copied()
    }

    /// Replaces the key at `at`. The caller keeps the order.
    #[inline]
    pub(super) fn set(&mut self, at: usize, key: usize) {
        if let Some(place) = self.lines.as_flattened_mut().get_mut(at) {
            *place = key;
        }
        self.steer();
    }

    /// Inserts `keys` at `at`, and shifts the rest of the `len` keys in use back. Without room, nothing changes.
    #[inline]
    pub(super) fn insert<const N: usize>(&mut self, at: usize, keys: [usize; N], len: usize) {
        insert(self.lines.as_flattened_mut(), at, keys, len);
        self.steer();
    }

    /// Removes the keys at `range` out of the `len` in use, and shifts the rest of them forward.
    #[inline]
    pub(super) fn remove(&mut self, range: Range<usize>, len: usize) {
        remove(self.lines.as_flattened_mut(), range, len, usize::MAX);
        self.steer();
    }

    /// Whether the first `len` keys ascend, the others are not in use, and the pilot agrees.
    pub(super) fn is_sound(&self, len: usize) -> bool {
        let keys = self.lines.as_flattened();
        let (used, unused) = keys.split_at(len.min(keys.len()));
        let pilot = self
            .pilot
            .iter()
            .zip(&self.lines)
            .all(|(pilot, [.., last])| pilot == last);
        used.is_sorted() && unused.iter().all(|&key| key == usize::MAX) && pilot
    }

    /// Copies the last key of each line to the pilot, after keys have changed. O(B).
    #[inline]
    fn steer(&mut self) {
        let lasts = self.pilot.iter_mut().zip(&self.lines);
        lasts.for_each(|(pilot, [.., last])| *pilot = *last);
    }
}

/// How many keys are less than `addr`, the last one not counted. No branch depends on a key.
#[inline]
pub(super) fn below(keys: &[usize], addr: usize) -> usize {
    let (line, more) = keys.split_at(keys.len().min(LINE).saturating_sub(1));
    let mut below = line.iter().map(|&key| usize::from(key < addr)).sum();
    // A sum of eight is a population count to the compiler, which it takes pains to do with vectors. So of more keys
    // than seven, the others are a choice each.
    for (number, &key) in (LINE..keys.len()).zip(more) {
        below = if key < addr { number } else { below };
    }
    below
}

/// Inserts `new` at `at` into the first `len` of `values`. Without room, nothing changes.
///
/// An inner node keeps its other arrays in step with its keys by this function and [`remove`].
#[inline]
pub(super) fn insert<V: Copy, const N: usize>(
    values: &mut [V],
    at: usize,
    new: [V; N],
    len: usize,
) {
    if at <= len && len + N <= values.len() {
        values.copy_within(at..len, at + N);
        values
            .iter_mut()
            .skip(at)
            .zip(new)
            .for_each(|(place, value)| *place = value);
    }
}

/// Removes `range` out of the first `len` of `values`, and fills the end that becomes free with `unused`.
#[inline]
pub(super) fn remove<V: Copy>(values: &mut [V], range: Range<usize>, len: usize, unused: V) {
    let gone = range.len();
    if range.start <= range.end && range.end <= len && len <= values.len() {
        values.copy_within(range.end..len, range.start);
        values
            .get_mut(len - gone..len)
            .unwrap_or_default()
            .fill(unused);
    }
}
