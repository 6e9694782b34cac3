//! Sv39's words, for `bound` and for peers that leave the format to the kernel.

use kernel_vm::Permissions;

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
pub(crate) const fn number(addr: u64) -> u64 {
    addr >> 2 & NUMBER
}

pub(crate) const fn address(word: u64) -> u64 {
    (word & NUMBER) << 2
}

/// The address in a pointer to a table, which has no bits above it.
pub(crate) const fn child(word: u64) -> u64 {
    (word << 2) & !0xfff
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

/// Whether a word above the lowest level points to a table.
pub(crate) const fn is_table(word: u64) -> bool {
    word & (VALID | LEAF) == VALID
}

pub(crate) const fn owned(leaf: u64) -> u64 {
    leaf | OWNED
}

pub(crate) const fn is_owned(word: u64) -> bool {
    word & OWNED != 0
}

/// The same leaf with other permissions. What is absent stays so, without a branch: a mask is all ones where the word
/// is valid.
pub(crate) const fn protected(word: u64, permissions: Permissions) -> u64 {
    let valid = (word & VALID).wrapping_neg();
    word & !PERMISSIONS | bits(permissions) & valid
}
