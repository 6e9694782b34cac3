//! Retired words: entries that were taken out, and wait for their flush.
//!
//! A retired word is invalid to the MMU, but a TLB may still have the translation. So it keeps the address of its frame
//! or table, which is given back when the flush has returned. No list of them is kept anywhere else.

use super::format::Format;
use super::word::{Word, is_leaf};
use crate::addr::PhysAddr;

/// The word that stays behind when `word`, at `level`, is taken out: 0 where nothing waits for the flush.
#[inline]
pub(crate) fn retired<F: Format>(word: u64, level: usize) -> u64 {
    match Word::read::<F>(word, level) {
        Word::Table(child) => retired_table::<F>(child, word),
        Word::Leaf(leaf) if waits::<F>(leaf) => retired_leaf::<F>(leaf),
        Word::Empty | Word::Leaf(_) => 0,
        Word::RetiredTable(_) | Word::RetiredLeaf(_) => word,
    }
}

/// The retired word of `word`, a pointer to the table at `child`.
pub(crate) fn retired_table<F: Format>(child: PhysAddr, word: u64) -> u64 {
    let address = F::table(child, 0) & !F::VALID;
    address | F::RETIRED | F::POINTER | (word & F::OWNED)
}

/// The retired word of a leaf, which was used as much.
#[inline]
pub(crate) fn retired_leaf<F: Format>(leaf: u64) -> u64 {
    (leaf & F::KEPT) | F::marks(leaf) | F::RETIRED
}

/// The word of a leaf whose frame is being exchanged: as a retired word to all but the CPU that does so.
#[inline]
pub(crate) fn broken_leaf<F: Format>(leaf: u64) -> u64 {
    retired_leaf::<F>(leaf) | F::BROKEN
}

/// Whether a leaf leaves a retired word behind. It does while it owns a frame that the MMU may still reach, or where
/// nothing may be made in its place before the flush ([`Format::BREAK_BEFORE_MAKE`]). That holds for a hidden leaf,
/// too: a CPU may have it as it was before it was hidden.
#[inline]
pub(crate) const fn waits<F: Format>(leaf: u64) -> bool {
    leaf & F::OWNED != 0 || F::BREAK_BEFORE_MAKE && is_leaf::<F>(leaf)
}

/// The word that stays where a leaf was moved from, which was valid or hidden: the frame is another leaf's now.
#[inline]
pub(crate) fn moved<F: Format>(leaf: u64) -> u64 {
    if F::BREAK_BEFORE_MAKE {
        retired_leaf::<F>(leaf) & !F::OWNED
    } else {
        0
    }
}
