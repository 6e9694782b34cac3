//! Words of leaves with other permissions.

use super::format::Format;
use super::word::is_leaf;
use crate::permissions::Permissions;

/// The bits that a format makes of the permissions which leaves are to have.
#[derive(Clone, Copy)]
pub(in crate::backend::radix) struct Allowed {
    pub(in crate::backend::radix) bits: u64,
    /// The bits of an owned leaf that could not be written before. Its frame may have other owners, so the next write
    /// faults, and decides.
    unwritable: u64,
}

impl Allowed {
    pub(in crate::backend::radix) fn new<F: Format>(permissions: Permissions) -> Self {
        Self {
            bits: F::permissions(permissions),
            unwritable: F::permissions(permissions - Permissions::WRITE),
        }
    }

    /// The bits that `leaf` is to have.
    #[inline]
    pub(in crate::backend::radix) fn of<F: Format>(self, leaf: u64) -> u64 {
        let is_writable = || F::attributes(leaf).permissions.contains(Permissions::WRITE);
        if leaf & F::OWNED == 0 || is_writable() {
            self.bits
        } else {
            self.unwritable
        }
    }

    /// The word with these permissions if it is a leaf, else the word as it is.
    #[inline]
    pub(in crate::backend::radix) fn in_word<F: Format>(self, word: u64) -> u64 {
        if is_leaf::<F>(word) {
            F::permitted(word, self.of::<F>(word))
        } else {
            word
        }
    }
}
