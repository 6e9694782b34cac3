//! Sorted addresses that are searched without branches.

use core::ops::Range;

/// How many keys are compared at a time: a cache line of them.
const LINE: usize = 8;

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
    #[expect(
        clippy::indexing_slicing,
        reason = "a count of B - 1 comparisons is less than B"
    )]
    pub(super) fn rank(&self, addr: usize) -> usize {
        let line = below(&self.pilot[..B - 1], addr) % B;
        line * LINE + below(&self.lines[line][..LINE - 1], addr)
    }

    pub(super) fn get(&self, at: usize) -> Option<usize> {
        self.lines.as_flattened().get(at).copied()
    }

    pub(super) fn set(&mut self, at: usize, key: usize) {
        if let Some(place) = self.lines.as_flattened_mut().get_mut(at) {
            *place = key;
        }
        self.steer(at..at + 1);
    }

    /// Puts `key` at `at`, before the keys of `len` that are there.
    pub(super) fn insert(&mut self, at: usize, key: usize, len: usize) {
        insert(self.lines.as_flattened_mut(), at, key, len);
        self.steer(at..len + 1);
    }

    /// Takes out the keys at `range`, of `len`.
    pub(super) fn remove(&mut self, range: Range<usize>, len: usize) {
        let from = range.start;
        remove(self.lines.as_flattened_mut(), range, len, usize::MAX);
        self.steer(from..len);
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

    /// Sets the pilot after the keys at `range` have changed.
    fn steer(&mut self, range: Range<usize>) {
        let lines = range.start / LINE..range.end.div_ceil(LINE);
        let changed = self
            .pilot
            .iter_mut()
            .zip(&self.lines)
            .take(lines.end)
            .skip(lines.start);
        changed.for_each(|(pilot, [.., last])| *pilot = *last);
    }
}

fn below(keys: &[usize], addr: usize) -> usize {
    keys.iter().map(|&key| usize::from(key < addr)).sum()
}

/// Puts `value` at `at` into the first `len` of `values`, where there is room for one more.
pub(super) fn insert<V: Copy>(values: &mut [V], at: usize, value: V, len: usize) {
    if at <= len && len < values.len() {
        values.copy_within(at..len, at + 1);
        if let Some(place) = values.get_mut(at) {
            *place = value;
        }
    }
}

/// Takes `range` out of the first `len` of `values`, and puts `unused` behind the rest.
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
