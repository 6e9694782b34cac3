//! The use of leaves, while they are on the move.

use core::ops::BitOr;

use crate::backend::radix::entry::format::Format;
use crate::permissions::Permissions;

/// The accessed and dirty bits of leaves, in the places that their format has for them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Used(u64);

impl Used {
    /// The bits of a leaf's word.
    pub(crate) const fn of<F: Format>(leaf: u64) -> Self {
        Self(leaf & (F::ACCESSED | F::DIRTY))
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

    /// The bits, for a word of that format.
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
