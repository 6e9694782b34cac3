//! The format of entries: which bits mean what, and how words are made.

use super::features::{AccessedDirty, Features};
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::error::MapError;
use crate::permissions::{Access, Permissions};

/// An entry format: tables of 512 words of 64 bits in 4 KiB frames. Level 0 holds the 4 KiB leaves.
///
/// An empty word is 0 in every format. Every other word is made here, so reading a word answers the values that it was
/// made of. In a word that is not [`VALID`](Self::VALID), every bit is software's.
///
/// | word | bits that tell it |
/// |---|---|
/// | empty | none is set |
/// | pointer | [`is_table`](Self::is_table); [`OWNED`](Self::OWNED) is a mark for owned leaves below |
/// | leaf | [`VALID`](Self::VALID), and no pointer |
/// | hidden leaf | [`HIDDEN`](Self::HIDDEN) |
/// | retired pointer | [`RETIRED`](Self::RETIRED) and [`POINTER`](Self::POINTER) |
/// | retired leaf | [`RETIRED`](Self::RETIRED) alone |
/// | broken leaf | [`RETIRED`](Self::RETIRED) and [`BROKEN`](Self::BROKEN) |
///
/// Sealed: the walker follows the addresses that a format answers, so a format is a part of it.
pub trait Format: sealed::Sealed {
    /// How many levels of tables there are, the root's included.
    const LEVELS: usize;

    /// The highest level that may hold leaves on any MMU of this format.
    const HIGHEST_LEAF: usize;

    /// Whether both halves are below one root. Where each has its own, a page table is of the lower half, or the
    /// kernel's.
    const ONE_ROOT: bool;

    /// Whether a valid entry must be made invalid, and flushed, before one of another address or size takes its place
    /// (Arm's break-before-make). A broken leaf maps nothing until the flush is acknowledged. So the kernel's own code,
    /// and the bytes that [`reach`](crate::FrameAllocator::reach) answers, must not be in a large leaf that is split.
    const BREAK_BEFORE_MAKE: bool;

    /// The canonical addresses: the lower half, from 0 on, which is user mode's, and the upper, up to the last address,
    /// which is the kernel's.
    const RANGES: &'static [MemoryArea; 2];

    /// How many bits a physical address has in an entry.
    const PHYSICAL_BITS: u32;

    /// The bit of words that the MMU follows: valid leaves and pointers.
    const VALID: u64;

    /// The bit of a hidden leaf: one without permissions, which is not valid.
    const HIDDEN: u64;

    /// The bit of a retired word: an entry that was taken out and waits for its flush. It is not valid.
    const RETIRED: u64;

    /// The bit of a leaf whose frame is the page table's own; in a pointer, of a table that may have such leaves below.
    /// The MMU ignores it. Pointers are marked before the leaf is written, and stay so: it may be set in vain.
    const OWNED: u64;

    /// The bit that tells a retired pointer from a retired leaf, along with [`RETIRED`](Self::RETIRED).
    const POINTER: u64;

    /// The bit that tells a broken leaf from a retired one, along with [`RETIRED`](Self::RETIRED): the CPU that
    /// exchanges its frame has the entry, and nobody else empties it.
    const BROKEN: u64;

    /// The bit of a leaf that is the same in all spaces.
    const GLOBAL: u64;

    /// The bit of a leaf that one space has for itself.
    const LOCAL: u64;

    /// The bit of a leaf that was used.
    const ACCESSED: u64;

    /// The bit of a leaf that was written through. Where the MMU tells of writes by another bit, so does
    /// [`marks`](Self::marks).
    const DIRTY: u64;

    /// The bits of a new leaf, beside its address and attributes, that say it was not used. They are not set where
    /// accessed and dirty bits are preset. Nothing, where those bits alone tell of use.
    const UNUSED: u64 = 0;

    /// The bits of a leaf that a change of permissions leaves as they are.
    const KEPT: u64;

    /// Who sets accessed and dirty bits on an MMU of this format, where `asked` is what the kernel wants. The default
    /// is what it wants.
    #[must_use]
    fn policy(asked: AccessedDirty) -> AccessedDirty {
        asked
    }

    /// The highest level that may hold leaves on an MMU with these features. The default is
    /// [`HIGHEST_LEAF`](Self::HIGHEST_LEAF).
    #[must_use]
    #[inline]
    fn highest_leaf(_features: Features) -> usize {
        Self::HIGHEST_LEAF
    }

    /// Whether an entry can say these attributes, permissions that no format has aside.
    ///
    /// # Errors
    /// [`MapError::UnsupportedMemoryType`]; [`MapError::WidensPermissions`], where an entry would allow more.
    fn supports(attributes: Attributes, features: Features) -> Result<(), MapError>;

    /// The leaf to `addr` at `level`, hidden when it allows nothing. Never 0. With [`UNUSED`](Self::UNUSED) beside it,
    /// it is neither accessed nor dirty; with [`ACCESSED`](Self::ACCESSED) and [`DIRTY`](Self::DIRTY) beside it, both.
    fn leaf(addr: PhysAddr, attributes: Attributes, level: usize) -> u64;

    /// How much the word of a leaf at `level` grows from one leaf to the next that follows on it.
    fn step(level: usize) -> u64;

    /// The bits of a leaf that permissions decide: those that are not [`KEPT`](Self::KEPT).
    fn permissions(permissions: Permissions) -> u64;

    /// The attributes of a leaf, valid or hidden. A hidden one can be neither read, written nor executed.
    fn attributes(word: u64) -> Attributes;

    /// The pointer to the table at `addr`, one below `level`.
    fn table(addr: PhysAddr, level: usize) -> u64;

    /// Whether a word at `level` is a valid pointer.
    fn is_table(word: u64, level: usize) -> bool;

    /// The address of the table that a valid pointer leads to. It equals the answer of [`addr`](Self::addr), and is
    /// quicker: every step down asks for it.
    fn child(pointer: u64) -> PhysAddr;

    /// The address in a word that is not empty.
    fn addr(word: u64) -> PhysAddr;

    /// The accessed and dirty bits of a leaf, hidden or retired ones included: as [`ACCESSED`](Self::ACCESSED) and
    /// [`DIRTY`](Self::DIRTY), however the MMU tells of them.
    #[must_use]
    #[inline]
    fn marks(word: u64) -> u64 {
        word & (Self::ACCESSED | Self::DIRTY)
    }

    /// The leaf with these accessed and dirty bits beside those that it has.
    #[must_use]
    #[inline]
    fn marked(leaf: u64, marks: u64) -> u64 {
        leaf | marks
    }

    /// The leaf without these accessed and dirty bits.
    #[must_use]
    #[inline]
    fn unmarked(leaf: u64, marks: u64) -> u64 {
        leaf & !marks
    }

    /// The leaf with `bits` in the place of its permissions, as [`permissions`](Self::permissions) answers them. It was
    /// used as much as before, and as accessed and dirty bits among `bits` say.
    #[must_use]
    #[inline]
    fn permitted(leaf: u64, bits: u64) -> u64 {
        (leaf & Self::KEPT) | bits
    }

    /// The bits that tell of `access`.
    #[must_use]
    fn used(access: Access) -> u64 {
        match access {
            Access::Write => Self::ACCESSED | Self::DIRTY,
            Access::Read | Access::Execute => Self::ACCESSED,
        }
    }
}

/// Refuses code that cannot be read, for formats that have no word for it.
///
/// # Errors
/// [`MapError::WidensPermissions`].
pub(in crate::backend) fn check_code_is_readable(permissions: Permissions) -> Result<(), MapError> {
    let is_code = permissions.contains(Permissions::EXECUTE);
    if is_code && !permissions.contains(Permissions::READ) {
        return Err(MapError::WidensPermissions { permissions });
    }
    Ok(())
}

pub(in crate::backend) mod sealed {
    /// A format of this crate.
    pub trait Sealed {}
}
