//! Reading the word of an entry.

use super::format::Format;
use crate::addr::PhysAddr;
use crate::backend::run::Run;

/// The five cases of an entry's word. Each word is exactly one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// An empty entry. Its word is 0.
    Empty,
    /// A pointer to the table one level down.
    Table(PhysAddr),
    /// A leaf, valid or hidden, with its word.
    Leaf(u64),
    /// A pointer that was taken out and waits for its flush: invalid to the MMU. Its table is not given back yet.
    RetiredTable(PhysAddr),
    /// A leaf that was taken out and waits for its flush, with its word: one that owns its frame, or, where the format
    /// breaks before it makes, any leaf that was valid.
    RetiredLeaf(u64),
}

impl Word {
    /// Reads `word`, found in a table at `level`. O(1).
    ///
    /// Pointers come first: every step of a walk asks for them.
    #[inline]
    pub(crate) fn read<F: Format>(word: u64, level: usize) -> Self {
        if F::is_table(word, level) {
            Self::Table(F::child(word))
        } else if is_leaf::<F>(word) {
            Self::Leaf(word)
        } else if word & F::RETIRED == 0 {
            Self::Empty
        } else if word & F::POINTER != 0 {
            Self::RetiredTable(F::addr(word))
        } else {
            Self::RetiredLeaf(word)
        }
    }
}

/// Whether a word that is no pointer is a leaf, valid or hidden.
#[inline]
pub(crate) const fn is_leaf<F: Format>(word: u64) -> bool {
    word & (F::VALID | F::HIDDEN) != 0
}

/// Whether a word is empty or retired: its table may be taken out if all others are, too.
#[inline]
pub(crate) const fn is_vacant<F: Format>(word: u64) -> bool {
    !is_leaf::<F>(word)
}

/// Whether `word` is the leaf of `run`, whatever its accessed and dirty bits are.
pub(in crate::backend::radix) fn is_run<F: Format>(word: u64, run: Run) -> bool {
    is_leaf::<F>(word) && F::addr(word) == run.first && F::attributes(word) == run.attributes
}
