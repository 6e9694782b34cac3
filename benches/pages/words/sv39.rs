//! Sv39's words. Peers take them, too.

use kernel_vm::Permissions;

use super::Words;

pub(crate) enum Sv39 {}

const VALID: u64 = 1;
/// Read, write, execute, user: in the order that [`Permissions`] has.
const PERMISSIONS: u64 = 15 << 1;
/// Read, write, execute: none of them in a pointer to a table.
const LEAF: u64 = 7 << 1;
const ACCESSED_DIRTY: u64 = 3 << 6;
/// Software's, in a leaf: its frame goes back to the allocator when it is unmapped.
const OWNED: u64 = 1 << 8;
/// Where a word has its address, less the 12 low bits.
const NUMBER: u64 = ((1 << 44) - 1) << 10;

/// An address as it stands in a word.
const fn number(addr: u64) -> u64 {
    addr >> 2 & NUMBER
}

pub(crate) const fn address(word: u64) -> u64 {
    (word & NUMBER) << 2
}

pub(crate) const fn table(addr: u64) -> u64 {
    number(addr) | VALID
}

pub(crate) const fn leaf(addr: u64, permissions: Permissions) -> u64 {
    number(addr) | bits(permissions) | ACCESSED_DIRTY | VALID
}

pub(crate) const fn permissions(word: u64) -> Permissions {
    Permissions::from_bits_truncate(((word & PERMISSIONS) >> 1) as u8)
}

const fn bits(permissions: Permissions) -> u64 {
    (permissions.bits() as u64) << 1
}

pub(crate) const fn is_valid(word: u64) -> bool {
    word & VALID != 0
}

/// Whether a word above the lowest level is a leaf, if it is valid.
pub(crate) const fn is_leaf(word: u64) -> bool {
    word & LEAF != 0
}

impl Words for Sv39 {
    const BOUND: &str = "bound";
    const TOP: usize = 2;

    fn table(addr: u64) -> u64 {
        table(addr)
    }

    fn leaf(addr: u64, _level: usize, permissions: Permissions) -> u64 {
        leaf(addr, permissions)
    }

    fn step(bytes: u64) -> u64 {
        number(bytes)
    }

    fn permissions(leaf: u64) -> Permissions {
        permissions(leaf)
    }

    fn address(word: u64) -> u64 {
        address(word)
    }

    /// There are no bits above the address.
    fn child(pointer: u64) -> u64 {
        (pointer << 2) & !0xfff
    }

    fn is_valid(word: u64) -> bool {
        is_valid(word)
    }

    fn is_table(word: u64) -> bool {
        word & (VALID | LEAF) == VALID
    }

    fn owned(leaf: u64) -> u64 {
        leaf | OWNED
    }

    fn is_owned(word: u64) -> bool {
        word & OWNED != 0
    }

    /// Without a branch: a mask is all ones where the word is valid.
    fn protected(word: u64, permissions: Permissions) -> u64 {
        let valid = (word & VALID).wrapping_neg();
        word & !PERMISSIONS | bits(permissions) & valid
    }
}
