//! Sorted addresses that are searched without branches.

use core::ops::Range;

/// How many keys are compared at a time: a cache line of them.
pub(super) const LINE: usize = 8;

/// Up to `8 × B` addresses in ascending order. Those that are not in use are `usize::MAX`.
///
/// The last key of each line stands in `pilot` as well: a search compares the pilot, then one line.
pub(super) struct Keys<const B: usize> {
    pilot: [usize; B],
    lines: [[usize; LINE]; B],
}

impl<const B: usize> Keys<B> {
    pub(super) const fn new() -> Self {
        Self {
            pilot: [usize::MAX; B],
            lines: [[usize::MAX; LINE]; B],
        }
    }

    /// How many keys are less than `addr`. When all `8 × B` are, one less.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the remainder is less than B")]
    pub(super) fn search(&self, addr: usize) -> usize {
        let line = below(&self.pilot, addr) % B;
        line * LINE + below(&self.lines[line], addr)
    }

    /// As [`search`](Self::search), when no more than the first line is in use.
    #[inline]
    pub(super) fn search_first_line(&self, addr: usize) -> usize {
        self.lines.first().map_or(0, |line| below(line, addr))
    }

    /// All keys, used and unused.
    #[inline]
    pub(super) fn all(&self) -> &[usize] {
        self.lines.as_flattened()
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<usize> {
        self.all().get(at).copied()
    }

    #[inline]
    pub(super) fn set(&mut self, at: usize, key: usize) {
        if let Some(place) = self.lines.as_flattened_mut().get_mut(at) {
            *place = key;
        }
        self.steer();
    }

    /// Puts `keys` at `at`, before the keys of `len` that are there.
    #[inline]
    pub(super) fn insert<const N: usize>(&mut self, at: usize, keys: [usize; N], len: usize) {
        insert(self.lines.as_flattened_mut(), at, keys, len);
        self.steer();
    }

    /// Takes out the keys at `range`, of `len`.
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

    /// Sets the pilot after keys have changed.
    #[inline]
    fn steer(&mut self) {
        let lasts = self.pilot.iter_mut().zip(&self.lines);
        lasts.for_each(|(pilot, [.., last])| *pilot = *last);
    }
}

/// How many keys but the last are less than `addr`: sums instead of branches, which no predictor could guess.
#[inline]
fn below<const N: usize>(keys: &[usize; N], addr: usize) -> usize {
    keys.iter()
        .take(N - 1)
        .map(|&key| usize::from(key < addr))
        .sum()
}

/// Puts `new` at `at` into the first `len` of `values`, where there is room for them.
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

/// Takes `range` out of the first `len` of `values`, and puts `unused` behind the rest.
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
