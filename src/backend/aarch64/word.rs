//! The entries of AArch64 for a granule of 4 KiB, which differ between three and four levels in those alone.
//!
//! After the Arm Architecture Reference Manual for A-profile, 'VMSAv8-64 translation table format descriptors' (stage
//! 1) and 'Memory access control'.

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::backend::radix::{
    ByPermissions, Features, Format, Sealed, by_permissions, check_code_is_readable, span,
};
use crate::error::MapError;
use crate::permissions::Permissions;

/// The descriptors of AArch64 with 3 levels of tables, or 4.
#[derive(Clone, Copy, Debug)]
pub enum Aarch64Format<const LEVELS: usize> {}

bitflags::bitflags! {
    /// The bits of a descriptor beside the address.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Bits: u64 {
        /// Valid. When clear, every other bit is software's.
        const VALID = 1 << 0;
        /// A pointer, or the leaf of a page. Clear in a larger leaf, a 'block'.
        const TABLE = 1 << 1;
        /// AttrIndx: the number of a memory type in MAIR_EL1; here its two lower bits.
        const NON_CACHEABLE = 1 << 2;
        const DEVICE = 1 << 3;
        /// AP\[1\]: reachable in user mode (EL0).
        const USER = 1 << 6;
        /// AP\[2\]: read-only, for the kernel, too. In a leaf with DBM: not written yet.
        const READ_ONLY = 1 << 7;
        /// SH: inner shareable, so that all CPUs of the kernel see one memory.
        const INNER = 0b11 << 8;
        /// AF: a leaf without it faults on its first use.
        const AF = 1 << 10;
        /// nG: of one address space alone.
        const NOT_GLOBAL = 1 << 11;
        /// DBM: may be written. Where the MMU manages dirty state, a write clears [`READ_ONLY`](Self::READ_ONLY) then;
        /// elsewhere it ignores this bit.
        const DBM = 1 << 51;
        /// PXN: the kernel cannot execute it.
        const PXN = 1 << 53;
        /// UXN: user mode cannot execute it.
        const UXN = 1 << 54;
        /// Software's, in leaves and pointers: the frame is the space's own, or there may be such leaves below.
        const OWNED = 1 << 55;
        /// Software's: the leaf was written through. A valid leaf with DBM and without READ_ONLY was, too.
        const DIRTY = 1 << 56;
        /// Software's, where VALID is clear: a leaf without permissions.
        const HIDDEN = 1 << 57;
        /// Software's, where VALID is clear: an entry that was taken out.
        const RETIRED = 1 << 58;
    }
}

/// Bits 12 to 47. A CPU may have fewer: those above its own width must be 0.
const ADDRESS: u64 = ((1 << 48) - 1) & !0xfff;

const PERMISSIONS: ByPermissions = by_permissions!(permission_bits);

/// A page is executed by user mode or by the kernel, never by both.
const fn permission_bits(permissions: Permissions) -> u64 {
    let is_user = permissions.contains(Permissions::USER);
    let user = if is_user { Bits::USER } else { Bits::empty() };
    if !permissions.allow_any() {
        // AP[1] is kept, so that what was asked for can be read back. AP[2] is as in other leaves without WRITE.
        return Bits::HIDDEN.union(Bits::READ_ONLY).union(user).bits();
    }
    let write = if permissions.contains(Permissions::WRITE) {
        Bits::DBM
    } else {
        Bits::READ_ONLY
    };
    let execute = match (permissions.contains(Permissions::EXECUTE), is_user) {
        (false, _) => Bits::UXN.union(Bits::PXN),
        (true, true) => Bits::PXN,
        (true, false) => Bits::UXN,
    };
    Bits::VALID.union(user).union(write).union(execute).bits()
}

const fn type_bits(memory_type: MemoryType) -> u64 {
    match memory_type {
        MemoryType::Normal => 0,
        MemoryType::NonCacheable => Bits::NON_CACHEABLE.bits(),
        MemoryType::Device => Bits::DEVICE.bits(),
        MemoryType::WriteCombining => Bits::NON_CACHEABLE.union(Bits::DEVICE).bits(),
    }
}

const fn memory_type(word: u64) -> MemoryType {
    let bits = Bits::from_bits_retain(word);
    match (
        bits.contains(Bits::DEVICE),
        bits.contains(Bits::NON_CACHEABLE),
    ) {
        (false, false) => MemoryType::Normal,
        (false, true) => MemoryType::NonCacheable,
        (true, false) => MemoryType::Device,
        (true, true) => MemoryType::WriteCombining,
    }
}

/// The leaf with AP\[2\] as its DBM and its mark of software have it: clear where it may be written, and was.
#[inline]
const fn writable_if_dirty(leaf: u64) -> u64 {
    let dirty = Bits::DBM.union(Bits::DIRTY).bits();
    let read_only = Bits::READ_ONLY.bits();
    if leaf & dirty == dirty {
        leaf & !read_only
    } else if leaf & Bits::DBM.bits() != 0 {
        leaf | read_only
    } else {
        leaf
    }
}

/// The halves: what TTBR0_EL1 translates, and what TTBR1_EL1 does.
const fn halves(levels: usize) -> [MemoryArea; 2] {
    let lower = span(levels) - 1;
    [
        MemoryArea::constant(0, lower),
        MemoryArea::constant(!lower, usize::MAX),
    ]
}

impl<const LEVELS: usize> Sealed for Aarch64Format<LEVELS> {}

impl<const LEVELS: usize> Format for Aarch64Format<LEVELS> {
    const LEVELS: usize = {
        assert!(LEVELS == 3 || LEVELS == 4, "no other levels are made");
        LEVELS
    };

    /// 1 GiB: a block of level 1.
    const HIGHEST_LEAF: usize = 2;

    const ONE_ROOT: bool = false;

    /// Two valid descriptors of different sizes or addresses in the reach of one CPU may be mixed ('Using
    /// break-before-make when updating translation table entries').
    const BREAK_BEFORE_MAKE: bool = true;

    const RANGES: &'static [MemoryArea; 2] = &halves(LEVELS);

    const PHYSICAL_BITS: u32 = 48;

    const VALID: u64 = Bits::VALID.bits();
    const HIDDEN: u64 = Bits::HIDDEN.bits();
    const RETIRED: u64 = Bits::RETIRED.bits();
    const OWNED: u64 = Bits::OWNED.bits();
    const POINTER: u64 = Bits::READ_ONLY.bits();
    const BROKEN: u64 = Bits::USER.bits();
    const GLOBAL: u64 = 0;
    const LOCAL: u64 = Bits::NOT_GLOBAL.bits();
    const ACCESSED: u64 = Bits::AF.bits();
    const DIRTY: u64 = Bits::DIRTY.bits();
    const UNUSED: u64 = Bits::READ_ONLY.bits();
    const KEPT: u64 = ADDRESS
        | Bits::TABLE
            .union(Bits::NON_CACHEABLE)
            .union(Bits::DEVICE)
            .union(Bits::INNER)
            .union(Bits::AF)
            .union(Bits::NOT_GLOBAL)
            .union(Bits::OWNED)
            .union(Bits::DIRTY)
            .bits();

    /// Whatever can be executed can be read: a page that user mode may execute and not read could still be read by the
    /// kernel.
    fn supports(attributes: Attributes, _features: Features) -> Result<(), MapError> {
        check_code_is_readable(attributes.permissions)
    }

    #[inline]
    fn leaf(addr: PhysAddr, attributes: Attributes, level: usize) -> u64 {
        let size = if level == 0 { Bits::TABLE.bits() } else { 0 };
        let kind = size | type_bits(attributes.memory_type) | Bits::INNER.bits();
        (addr.get() & ADDRESS) | kind | Self::permissions(attributes.permissions)
    }

    #[inline]
    fn step(level: usize) -> u64 {
        span(level) as u64
    }

    #[inline]
    fn permissions(permissions: Permissions) -> u64 {
        PERMISSIONS.of(permissions)
    }

    #[inline]
    fn attributes(word: u64) -> Attributes {
        let bits = Bits::from_bits_retain(word);
        let is_valid = bits.contains(Bits::VALID);
        let is_user = bits.contains(Bits::USER);
        let never = if is_user { Bits::UXN } else { Bits::PXN };
        let mut permissions = Permissions::empty();
        permissions.set(Permissions::READ, is_valid);
        permissions.set(Permissions::WRITE, is_valid && bits.contains(Bits::DBM));
        permissions.set(Permissions::EXECUTE, is_valid && !bits.contains(never));
        permissions.set(Permissions::USER, is_user);
        Attributes {
            permissions,
            memory_type: memory_type(word),
        }
    }

    /// Beside the mark of software, a valid leaf with DBM tells by AP\[2\] that it was written: the MMU clears that
    /// bit.
    #[inline]
    fn marks(word: u64) -> u64 {
        let written = Bits::VALID.union(Bits::DBM).bits();
        let is_written = word & (written | Bits::READ_ONLY.bits()) == written;
        let dirty = if is_written { Self::DIRTY } else { 0 };
        word & (Self::ACCESSED | Self::DIRTY) | dirty
    }

    #[inline]
    fn marked(leaf: u64, marks: u64) -> u64 {
        writable_if_dirty(leaf | Self::marks(leaf) | marks)
    }

    #[inline]
    fn unmarked(leaf: u64, marks: u64) -> u64 {
        let kept = Self::marks(leaf) & !marks;
        writable_if_dirty(leaf & !(Self::ACCESSED | Self::DIRTY) | kept)
    }

    #[inline]
    fn permitted(leaf: u64, bits: u64) -> u64 {
        writable_if_dirty(leaf & Self::KEPT | Self::marks(leaf) | bits)
    }

    #[inline]
    fn table(addr: PhysAddr, _level: usize) -> u64 {
        (addr.get() & ADDRESS) | Bits::VALID.union(Bits::TABLE).bits()
    }

    #[inline]
    fn is_table(word: u64, level: usize) -> bool {
        let kind = Bits::VALID.union(Bits::TABLE).bits();
        level > 0 && word & kind == kind
    }

    #[inline]
    fn child(pointer: u64) -> PhysAddr {
        Self::addr(pointer)
    }

    #[inline]
    fn addr(word: u64) -> PhysAddr {
        PhysAddr::new(word & ADDRESS)
    }
}
