//! A table as an array of words, and the place of an address in it.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::addr::VirtAddr;
use crate::frame::FRAME_SIZE;

/// How many bits of an address choose a word of a table: nine, as in all formats. Tiny tables, for tests, get a tall
/// page table from few pages.
const BITS: usize = if cfg!(kernel_vm_small_tables) { 1 } else { 9 };

/// The number of words in a table.
pub(crate) const ENTRIES: usize = 1 << BITS;

/// One table. Its words are atomic: the MMU reads them at any time, and other CPUs may add leaves.
pub(crate) type Table = [AtomicU64; ENTRIES];

/// How many words are looked at together where few are of interest: a line of the cache.
pub(crate) const LINE: usize = if ENTRIES < 8 { ENTRIES } else { 8 };

/// How many words are looked at together in a whole table.
pub(crate) const GROUP: usize = if ENTRIES < 32 { ENTRIES } else { 32 };

/// Asks `is_it` of each word of `table` that has any of `bits`, in order, with its number, until one is. Groups are
/// passed over together: `sum` answers all bits that any word in one has. O(entries).
#[inline]
pub(crate) fn any_in_groups(
    table: &Table,
    bits: u64,
    sum: impl Fn(&[AtomicU64; GROUP]) -> u64,
    mut is_it: impl FnMut(usize, u64) -> bool,
) -> bool {
    let mut words = table.as_slice();
    let mut first = 0;
    while let Some((group, rest)) = words.split_first_chunk::<GROUP>() {
        let mut lines = group.as_slice();
        if sum(group) & bits == 0 {
            (first, lines) = (first + GROUP, &[]);
        }
        while let Some((line, behind)) = lines.split_first_chunk::<LINE>() {
            if any_in(line, first, bits, &mut is_it) {
                return true;
            }
            first += LINE;
            lines = behind;
        }
        words = rest;
    }
    false
}

/// Asks `is_it` of each of `words` that has any of `bits`, in order, with its number there, until one is. Words are
/// passed over together where none has. O(entries).
#[inline]
pub(crate) fn any_with(
    mut words: &[AtomicU64],
    bits: u64,
    mut is_it: impl FnMut(usize, u64) -> bool,
) -> bool {
    let mut first = 0;
    while let Some((group, rest)) = words.split_first_chunk::<LINE>() {
        let sum = group.iter().fold(0, |sum, word| sum | word.load(Relaxed));
        if sum & bits != 0 && any_in(group, first, bits, &mut is_it) {
            return true;
        }
        first += LINE;
        words = rest;
    }
    any_in(words, first, bits, &mut is_it)
}

/// As [`any_with`], one by one; the first of `words` has this number.
#[inline]
fn any_in(
    words: &[AtomicU64],
    first: usize,
    bits: u64,
    is_it: &mut impl FnMut(usize, u64) -> bool,
) -> bool {
    words.iter().zip(first..).any(|(word, number)| {
        let word = word.load(Acquire);
        word & bits != 0 && is_it(number, word)
    })
}

/// The number of bytes that one slot at `level` spans.
pub(crate) const fn span(level: usize) -> usize {
    FRAME_SIZE << (BITS * level)
}

/// The number of the slot for `addr` in its table at `level`; less than [`ENTRIES`].
#[inline]
pub(crate) const fn index(addr: VirtAddr, level: usize) -> usize {
    (addr.get() / span(level)) % ENTRIES
}

/// The word for `addr` in its table at `level`.
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "`index` answers less than the number of entries"
)]
pub(crate) const fn word(table: &Table, addr: VirtAddr, level: usize) -> &AtomicU64 {
    &table[index(addr, level)]
}

/// The word of the page next to `page`, behind it or before, whichever is in the same pair. Both words of a pair are
/// in one cache line.
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "the number of entries is even, so both of a pair are less"
)]
pub(crate) const fn beside(table: &Table, page: VirtAddr) -> &AtomicU64 {
    &table[index(page, 0) ^ 1]
}
