//! The entries of x86-64, which differ between four and five levels in those alone.
//!
//! After Intel's Software Developer's Manual, volume 3, '4-Level Paging and 5-Level Paging' (tables 'Format of a …
//! Entry'), and AMD's volume 2, 'Long-Mode Page Translation'. Both agree on all bits that are used here.

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::backend::radix::{
    AccessedDirty, ByPermissions, Features, Format, Sealed, by_permissions, check_code_is_readable,
    span,
};
use crate::error::MapError;
use crate::permissions::Permissions;

/// The entries of x86-64 with 4 levels of tables, or 5.
#[derive(Clone, Copy, Debug)]
pub enum X86_64Format<const LEVELS: usize> {}

bitflags::bitflags! {
    /// The bits of an entry beside the address.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Bits: u64 {
        /// Present. When clear, every other bit is software's.
        const P = 1 << 0;
        /// Writable. In a pointer: whether anything below may be written.
        const RW = 1 << 1;
        /// Reachable in user mode. In a pointer: whether anything below may be.
        const US = 1 << 2;
        /// With [`PCD`](Self::PCD), one of four memory types of the page attribute table.
        const PWT = 1 << 3;
        const PCD = 1 << 4;
        /// Accessed. The MMU sets it in leaves and pointers alike.
        const A = 1 << 5;
        /// Dirty, in a leaf. Bit 6 of a pointer is ignored.
        const D = 1 << 6;
        /// A leaf, in a table that could have a pointer there. In a leaf of a page it is a third bit for the memory
        /// type, which stays clear.
        const PS = 1 << 7;
        /// Global: in all address spaces, where CR4.PGE is set. Ignored in pointers.
        const G = 1 << 8;
        /// Ignored by the MMU: the frame is the space's own, or there may be such leaves below.
        const OWNED = 1 << 9;
        /// Where P is clear: a leaf without permissions.
        const HIDDEN = 1 << 10;
        /// Where P is clear: an entry that was taken out.
        const RETIRED = 1 << 11;
        /// Not executable, where EFER.NXE is set; else reserved.
        const XD = 1 << 63;
    }
}

/// Bits 12 to 51. A CPU has fewer: those above its own width must be 0.
const ADDRESS: u64 = ((1 << 52) - 1) & !0xfff;

/// Pointers allow all: leaves decide. A is set, so that the MMU never writes them.
const POINTER: u64 = Bits::P
    .union(Bits::RW)
    .union(Bits::US)
    .union(Bits::A)
    .bits();

const PERMISSIONS: ByPermissions = by_permissions!(permission_bits);

const fn permission_bits(permissions: Permissions) -> u64 {
    let user = if permissions.contains(Permissions::USER) {
        Bits::US
    } else {
        Bits::empty()
    };
    if !permissions.allow_any() {
        // US is kept, so that what was asked for can be read back.
        return Bits::HIDDEN.union(user).bits();
    }
    let write = if permissions.contains(Permissions::WRITE) {
        Bits::RW
    } else {
        Bits::empty()
    };
    let execute = if permissions.contains(Permissions::EXECUTE) {
        Bits::empty()
    } else {
        Bits::XD
    };
    Bits::P.union(user).union(write).union(execute).bits()
}

/// The bits for a memory type, by what the page attribute table says after a reset: 0 is write-back, 2 is uncached
/// unless an MTRR says write-combining, 3 is uncached. Entry 1 is write-combining where the kernel has set it so.
const fn type_bits(memory_type: MemoryType) -> u64 {
    match memory_type {
        MemoryType::Normal => 0,
        MemoryType::NonCacheable => Bits::PCD.bits(),
        MemoryType::Device => Bits::PCD.union(Bits::PWT).bits(),
        MemoryType::WriteCombining => Bits::PWT.bits(),
    }
}

const fn memory_type(word: u64) -> MemoryType {
    let bits = Bits::from_bits_retain(word);
    match (bits.contains(Bits::PCD), bits.contains(Bits::PWT)) {
        (false, false) => MemoryType::Normal,
        (true, false) => MemoryType::NonCacheable,
        (true, true) => MemoryType::Device,
        (false, true) => MemoryType::WriteCombining,
    }
}

/// The canonical halves: the bits of an address above the highest that the tables translate equal that bit.
const fn halves(levels: usize) -> [MemoryArea; 2] {
    let lower = span(levels) / 2 - 1;
    [
        MemoryArea::constant(0, lower),
        MemoryArea::constant(!lower, usize::MAX),
    ]
}

impl<const LEVELS: usize> Sealed for X86_64Format<LEVELS> {}

impl<const LEVELS: usize> Format for X86_64Format<LEVELS> {
    const LEVELS: usize = {
        assert!(LEVELS == 4 || LEVELS == 5, "no CPU has other levels");
        LEVELS
    };

    /// 1 GiB.
    const HIGHEST_LEAF: usize = 2;

    const ONE_ROOT: bool = true;

    /// Not needed on x86: until the flush a CPU may use the old entry or the new one, and nothing else happens (SDM,
    /// 'Recommended Invalidation').
    const BREAK_BEFORE_MAKE: bool = false;

    const RANGES: &'static [MemoryArea; 2] = &halves(LEVELS);

    const PHYSICAL_BITS: u32 = 52;

    const VALID: u64 = Bits::P.bits();
    const HIDDEN: u64 = Bits::HIDDEN.bits();
    const RETIRED: u64 = Bits::RETIRED.bits();
    const OWNED: u64 = Bits::OWNED.bits();
    const POINTER: u64 = Bits::RW.bits();
    const BROKEN: u64 = Bits::US.bits();
    const GLOBAL: u64 = Bits::G.bits();
    const LOCAL: u64 = 0;
    const ACCESSED: u64 = Bits::A.bits();
    const DIRTY: u64 = Bits::D.bits();
    const KEPT: u64 = ADDRESS
        | Bits::PWT
            .union(Bits::PCD)
            .union(Bits::A)
            .union(Bits::D)
            .union(Bits::PS)
            .union(Bits::G)
            .union(Bits::OWNED)
            .bits();

    /// The MMU sets A and D by itself; there is no way to leave that to software.
    fn policy(asked: AccessedDirty) -> AccessedDirty {
        match asked {
            AccessedDirty::Preset => AccessedDirty::Preset,
            AccessedDirty::Hardware | AccessedDirty::Software => AccessedDirty::Hardware,
        }
    }

    /// Every CPU in long mode has leaves of 2 MiB, and not each has those of 1 GiB.
    #[inline]
    fn highest_leaf(features: Features) -> usize {
        1 + features.gib_leaves as usize
    }

    /// Whatever can be executed can be read: no bit says otherwise. Write-combining is not in the page attribute table
    /// after a reset.
    fn supports(attributes: Attributes, features: Features) -> Result<(), MapError> {
        let memory_type = attributes.memory_type;
        if memory_type == MemoryType::WriteCombining && !features.memory_types {
            return Err(MapError::UnsupportedMemoryType { memory_type });
        }
        check_code_is_readable(attributes.permissions)
    }

    #[inline]
    fn leaf(addr: PhysAddr, attributes: Attributes, level: usize) -> u64 {
        let size = if level == 0 { 0 } else { Bits::PS.bits() };
        let kind = size | type_bits(attributes.memory_type);
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
        let is_valid = bits.contains(Bits::P);
        let mut permissions = Permissions::empty();
        permissions.set(Permissions::READ, is_valid);
        permissions.set(Permissions::WRITE, is_valid && bits.contains(Bits::RW));
        permissions.set(Permissions::EXECUTE, is_valid && !bits.contains(Bits::XD));
        permissions.set(Permissions::USER, bits.contains(Bits::US));
        Attributes {
            permissions,
            memory_type: memory_type(word),
        }
    }

    #[inline]
    fn table(addr: PhysAddr, _level: usize) -> u64 {
        (addr.get() & ADDRESS) | POINTER
    }

    #[inline]
    fn is_table(word: u64, level: usize) -> bool {
        let kind = Bits::P.union(Bits::PS).bits();
        level > 0 && word & kind == Bits::P.bits()
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
