//! What one entry format says, and how.

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::error::MapError;

/// A 64-bit page-table word, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Nothing there. The word is 0.
    Empty,
    /// The table one level down.
    Table(PhysAddr),
    /// A valid leaf that leads here.
    Leaf(PhysAddr, Attributes),
    /// A leaf without permissions: invalid to the MMU, frame kept.
    Hidden(PhysAddr, Attributes),
    /// A table that was taken out and waits for the flush: invalid to the MMU.
    Retired(PhysAddr),
}

/// An entry format: tables of 512 words of 64 bits in 4 KiB frames. Level 0 holds the 4 KiB leaves.
///
/// An empty word is 0 in every format. Every other is made here, so reading back what was made answers the same.
///
/// Sealed: the walker follows the addresses that `decode` answers, so a format is a part of it.
pub trait Format: sealed::Sealed {
    /// How many levels of tables there are, the root's included.
    const LEVELS: usize;

    /// The highest level that may hold leaves.
    const HIGHEST_LEAF: usize;

    /// The canonical addresses, ascending.
    const RANGES: &'static [MemoryArea];

    /// How many bits a physical address has in an entry.
    const PHYSICAL_BITS: u32;

    /// Whether an entry can say this, permissions that no format has aside.
    ///
    /// # Errors
    /// [`MapError::UnsupportedMemoryType`].
    fn supports(attributes: Attributes) -> Result<(), MapError>;

    /// The leaf to `addr` at `level`; hidden when it allows nothing. Never 0.
    fn leaf(addr: PhysAddr, attributes: Attributes, level: usize) -> u64;

    /// The pointer to the table at `addr`, one below `level`.
    fn table(addr: PhysAddr, level: usize) -> u64;

    /// The same pointer, taken out: invalid to the MMU.
    fn retired(addr: PhysAddr, level: usize) -> u64;

    /// What a word at `level` says.
    fn decode(word: u64, level: usize) -> Word;
}

pub(in crate::backend) mod sealed {
    /// What only this crate's formats are.
    pub trait Sealed {}
}
