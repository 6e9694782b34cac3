//! The words of each format, for `bound` and for peers that leave the format to the kernel.

pub(crate) mod aarch64;
pub(crate) mod sv39;
pub(crate) mod x86_64;

use kernel_vm::Permissions;

/// The words of a format, as the author of a kernel for it alone would write them.
pub(crate) trait Words {
    /// The name of `bound` with these words, in criterion's files.
    const BOUND: &str;

    /// The level of the root; level 0 has the leaves of 4 KiB.
    const TOP: usize;

    /// The pointer to the table at `addr`.
    fn table(addr: u64) -> u64;

    /// The leaf at `level` to `addr`.
    fn leaf(addr: u64, level: usize, permissions: Permissions) -> u64;

    /// How much a leaf grows from one to the next, `bytes` behind it.
    fn step(bytes: u64) -> u64;

    fn permissions(leaf: u64) -> Permissions;

    fn address(word: u64) -> u64;

    /// The address in a pointer to a table.
    fn child(pointer: u64) -> u64;

    fn is_valid(word: u64) -> bool;

    /// Whether a word above the lowest level points to a table.
    fn is_table(word: u64) -> bool;

    /// The leaf of a page whose frame goes back to the allocator when it is unmapped.
    fn owned(leaf: u64) -> u64;

    fn is_owned(word: u64) -> bool;

    /// The same leaf with other permissions. What is absent stays so.
    fn protected(word: u64, permissions: Permissions) -> u64;
}
