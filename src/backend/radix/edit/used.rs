//! The use of leaves, while they are on the move.

use core::ops::BitOr;

use crate::backend::radix::entry::format::Format;
use crate::permissions::Permissions;

/// The accessed and dirty bits of leaves, as their format has them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Used(u64);

impl Used {
    /// The bits of a leaf's word.
    pub(crate) fn of<F: Format>(leaf: u64) -> Self {
        Self(F::marks(leaf))
    }

    /// The bits that the MMU may still set in a valid leaf that stays where it is for now.
    pub(crate) fn possible<F: Format>(permissions: Permissions) -> Self {
        if permissions.contains(Permissions::WRITE) {
            Self(F::ACCESSED | F::DIRTY)
        } else {
            Self(F::ACCESSED)
        }
    }

    /// Whether no bit is set.
    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The bits, to [mark](Format::marked) a leaf of that format.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }
}

impl BitOr for Used {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
