//! What one entry format says, and how.

use super::features::Features;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::error::MapError;
use crate::permissions::{Access, Permissions};

/// An entry format: tables of 512 words of 64 bits in 4 KiB frames. Level 0 holds the 4 KiB leaves.
///
/// An empty word is 0 in every format. Every other is made here, so reading back what was made answers the same. In a
/// word that is not [`VALID`](Self::VALID), every bit is software's.
///
/// Sealed: the walker follows the addresses that a format answers, so a format is a part of it.
pub trait Format: sealed::Sealed {
    /// How many levels of tables there are, the root's included.
    const LEVELS: usize;

    /// The highest level that may hold leaves.
    const HIGHEST_LEAF: usize;

    /// Whether both halves are below one root. Where each has its own, a page table is of the lower half, or the
    /// kernel's.
    const ONE_ROOT: bool;

    /// Whether a valid entry must be made invalid, and that be flushed, before one of another address or size takes its
    /// place (Arm's break-before-make). What is broken is not there until the flush is acknowledged: the kernel's own
    /// code, and what [`reach`](crate::FrameAllocator::reach) answers, must not be in a large leaf that an edit splits.
    const BREAK_BEFORE_MAKE: bool;

    /// The canonical addresses: the lower half, from 0 on, which is user mode's, and the upper, up to the last address,
    /// which is the kernel's.
    const RANGES: &'static [MemoryArea; 2];

    /// How many bits a physical address has in an entry.
    const PHYSICAL_BITS: u32;

    /// Set in what the MMU follows: leaves and pointers.
    const VALID: u64;

    /// Set in a leaf without permissions, which is not valid.
    const HIDDEN: u64;

    /// Set in what was taken out and waits for its flush, which is not valid.
    const RETIRED: u64;

    /// Set in a leaf whose frame is the space's own; in a pointer, when there may be such leaves below.
    const OWNED: u64;

    /// Set in a pointer that was taken out, along with [`RETIRED`](Self::RETIRED).
    const POINTER: u64;

    /// Set in a leaf that is the same in all spaces.
    const GLOBAL: u64;

    /// Set in a leaf that is not.
    const LOCAL: u64;

    /// Set in a leaf that was used.
    const ACCESSED: u64;

    /// Set in a leaf that was written through.
    const DIRTY: u64;

    /// What a change of permissions leaves as it is.
    const KEPT: u64;

    /// Whether an entry can say this, permissions that no format has aside.
    ///
    /// # Errors
    /// [`MapError::UnsupportedMemoryType`].
    fn supports(attributes: Attributes, features: Features) -> Result<(), MapError>;

    /// The leaf to `addr` at `level`, neither accessed nor dirty; hidden when it allows nothing. Never 0.
    fn leaf(addr: PhysAddr, attributes: Attributes, level: usize) -> u64;

    /// How much the word of a leaf at `level` grows from one leaf to the next that follows on it.
    fn step(level: usize) -> u64;

    /// The bits of a leaf that permissions decide: those that are not [`KEPT`](Self::KEPT).
    fn permissions(permissions: Permissions) -> u64;

    /// What a leaf says, hidden or not, beside its address.
    fn attributes(word: u64) -> Attributes;

    /// The pointer to the table at `addr`, one below `level`.
    fn table(addr: PhysAddr, level: usize) -> u64;

    /// Whether a word at `level` is a valid pointer.
    fn is_table(word: u64, level: usize) -> bool;

    /// The address of the table that a valid pointer leads to: what [`addr`](Self::addr) answers, as quickly as can be,
    /// as every step down asks for it.
    fn child(pointer: u64) -> PhysAddr;

    /// The address in a word that is not empty.
    fn addr(word: u64) -> PhysAddr;

    /// The bits that tell of `access`.
    #[must_use]
    fn used(access: Access) -> u64 {
        match access {
            Access::Write => Self::ACCESSED | Self::DIRTY,
            Access::Read | Access::Execute => Self::ACCESSED,
        }
    }
}

pub(in crate::backend) mod sealed {
    /// What only this crate's formats are.
    pub trait Sealed {}
}
