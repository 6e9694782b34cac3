//! A table's word, read.

use super::format::Format;
use crate::addr::PhysAddr;

/// What a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Nothing there. The word is 0.
    Empty,
    /// The table one level down.
    Table(PhysAddr),
    /// A leaf, hidden or not; the word itself.
    Leaf(u64),
    /// A table that was taken out and waits for the flush: invalid to the MMU.
    RetiredTable(PhysAddr),
    /// The same for a leaf: one whose frame is the space's own, or one that another takes the place of, where the
    /// format breaks before it makes.
    RetiredLeaf(u64),
}

impl Word {
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

/// Whether a word that is no pointer is a leaf, hidden or not.
#[inline]
pub(crate) const fn is_leaf<F: Format>(word: u64) -> bool {
    word & (F::VALID | F::HIDDEN) != 0
}

/// Whether nothing is in an entry but what waits for its flush.
#[inline]
pub(crate) const fn is_gone<F: Format>(word: u64) -> bool {
    !is_leaf::<F>(word)
}
