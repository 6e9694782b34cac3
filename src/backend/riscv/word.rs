//! The entries of Sv39, Sv48 and Sv57, which differ in levels only.
//!
//! After the RISC-V Privileged Architecture, 'Sv39: Page-Based 39-bit Virtual-Memory System' and, for what the bits
//! mean, 'Addressing and Memory Protection' of Sv32, to which it refers.

use super::mode::Mode;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::backend::radix::{Features, Format, Sealed, span};
use crate::error::MapError;
use crate::frame::FRAME_SIZE;
use crate::permissions::Permissions;

/// The differences between the formats.
pub trait Riscv {
    /// The mode in which a CPU walks page tables of this format.
    const MODE: Mode;
    /// The number of levels of tables.
    const LEVELS: usize;
    /// The canonical halves.
    const RANGES: &'static [MemoryArea; 2];
}

bitflags::bitflags! {
    /// The bits of an entry beside the page number.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Bits: u64 {
        /// Valid. When clear, every other bit is software's.
        const V = 1 << 0;
        /// Readable. R = W = X = 0 in a valid entry makes it a pointer to the next table.
        const R = 1 << 1;
        /// Writable. W without R is reserved.
        const W = 1 << 2;
        /// Executable.
        const X = 1 << 3;
        /// Reachable in user mode. Must be 0 in pointers, as A and D must.
        const U = 1 << 4;
        /// Global: in all address spaces. In a pointer it would speak for all below; leaves say it themselves.
        const G = 1 << 5;
        /// Accessed. A leaf with A = 0 may fault on its first use.
        const A = 1 << 6;
        /// Dirty. A leaf with D = 0 may fault on its first write.
        const D = 1 << 7;
        /// Software's (RSW): the frame is the space's own, or there may be such leaves below.
        const OWNED = 1 << 8;
        /// Software's (RSW), where V is clear: a leaf without permissions.
        const HIDDEN = 1 << 9;
        /// Non-cacheable memory (Svpbmt's NC).
        const NC = 1 << 61;
        /// Device registers (Svpbmt's IO).
        const IO = 2 << 61;
    }
}

/// The mark of a retired word, in the place of R. V is clear there, so the MMU does not read it.
const RETIRED: Bits = Bits::R;
/// The mark of a retired pointer, in the place of W.
const POINTER: Bits = Bits::W;
/// The mark of a broken leaf, in the place of U.
const BROKEN: Bits = Bits::U;

/// R, W, X and U: as permissions have them, in this order, but one place further up.
const PERMISSIONS: u64 = (Permissions::all().bits() as u64) << 1;

const _: () = {
    assert!(Bits::R.bits() == (Permissions::READ.bits() as u64) << 1);
    assert!(Bits::W.bits() == (Permissions::WRITE.bits() as u64) << 1);
    assert!(Bits::X.bits() == (Permissions::EXECUTE.bits() as u64) << 1);
    assert!(Bits::U.bits() == (Permissions::USER.bits() as u64) << 1);
};

/// The page number is bits 10 to 53; the address it stands for has 12 more bits at its low end. Bits 54 to 60 are
/// reserved and stay 0, as does Svnapot's bit 63.
const NUMBER: u64 = ((1 << 44) - 1) << 10;

#[inline]
const fn number(addr: PhysAddr) -> u64 {
    (addr.get() >> 2) & NUMBER
}

const fn memory_type(word: u64) -> MemoryType {
    if word & Bits::NC.bits() != 0 {
        MemoryType::NonCacheable
    } else if word & Bits::IO.bits() != 0 {
        MemoryType::Device
    } else {
        MemoryType::Normal
    }
}

/// The halves of what so many levels translate.
const fn halves(levels: usize) -> [MemoryArea; 2] {
    let lower = span(levels) / 2 - 1;
    [
        MemoryArea::constant(0, lower),
        MemoryArea::constant(!lower, usize::MAX),
    ]
}

impl<R: Riscv> Sealed for R {}

impl<R: Riscv> Format for R {
    const LEVELS: usize = R::LEVELS;

    /// A leaf of 512 × 512 pages, a 'gigapage', is as large as any kernel maps; so the walker never tries terapages.
    const HIGHEST_LEAF: usize = 2;

    const ONE_ROOT: bool = true;

    /// Not needed on RISC-V: until the flush a CPU may use the old entry or the new one, and nothing else happens
    /// ('Supervisor Memory-Management Fence Instruction').
    const BREAK_BEFORE_MAKE: bool = false;

    /// With tiny tables, there are fewer canonical addresses than any mode has.
    const RANGES: &'static [MemoryArea; 2] = if cfg!(kernel_vm_small_tables) {
        &halves(R::LEVELS)
    } else {
        R::RANGES
    };

    const PHYSICAL_BITS: u32 = 56;

    const VALID: u64 = Bits::V.bits();
    const HIDDEN: u64 = Bits::HIDDEN.bits();
    const RETIRED: u64 = RETIRED.bits();
    const OWNED: u64 = Bits::OWNED.bits();
    const POINTER: u64 = POINTER.bits();
    const BROKEN: u64 = BROKEN.bits();
    const GLOBAL: u64 = Bits::G.bits();
    const LOCAL: u64 = 0;
    const ACCESSED: u64 = Bits::A.bits();
    const DIRTY: u64 = Bits::D.bits();
    const KEPT: u64 = NUMBER
        | Bits::G
            .union(Bits::A)
            .union(Bits::D)
            .union(Bits::OWNED)
            .union(Bits::NC)
            .union(Bits::IO)
            .bits();

    /// Without Svpbmt the memory type is the physical address's own (its PMA), and entries cannot say another. With it,
    /// they have no further word for memory that is not cached.
    fn supports(attributes: Attributes, features: Features) -> Result<(), MapError> {
        match attributes.memory_type {
            MemoryType::Normal => Ok(()),
            MemoryType::NonCacheable | MemoryType::Device if features.memory_types => Ok(()),
            memory_type => Err(MapError::UnsupportedMemoryType { memory_type }),
        }
    }

    #[inline]
    fn leaf(addr: PhysAddr, attributes: Attributes, _level: usize) -> u64 {
        let memory_type = match attributes.memory_type {
            MemoryType::Normal => Bits::empty(),
            // The latter is refused before.
            MemoryType::NonCacheable | MemoryType::WriteCombining => Bits::NC,
            MemoryType::Device => Bits::IO,
        };
        number(addr) | memory_type.bits() | Self::permissions(attributes.permissions)
    }

    #[inline]
    fn step(level: usize) -> u64 {
        number(PhysAddr::new(span(level) as u64))
    }

    #[inline]
    fn permissions(permissions: Permissions) -> u64 {
        if !permissions.allow_any() {
            // U alone is kept in the place of U, so that what was asked for can be read back.
            let user = permissions.contains(Permissions::USER);
            let bits = if user { Bits::U } else { Bits::empty() };
            return Bits::HIDDEN.union(bits).bits();
        }
        Self::VALID | ((u64::from(permissions.bits()) << 1) & PERMISSIONS)
    }

    #[inline]
    fn attributes(word: u64) -> Attributes {
        // Masked, so it fits.
        let bits = u8::try_from((word & PERMISSIONS) >> 1).unwrap_or_default();
        Attributes {
            permissions: Permissions::from_bits_retain(bits),
            memory_type: memory_type(word),
        }
    }

    #[inline]
    fn table(addr: PhysAddr, _level: usize) -> u64 {
        number(addr) | Bits::V.bits()
    }

    #[inline]
    fn is_table(word: u64, _level: usize) -> bool {
        let kind = Bits::V.union(Bits::R).union(Bits::W).union(Bits::X);
        word & kind.bits() == Bits::V.bits()
    }

    /// Pointers have no bits above the page number, which saves a mask.
    #[inline]
    fn child(pointer: u64) -> PhysAddr {
        PhysAddr::new((pointer << 2) & !(FRAME_SIZE as u64 - 1))
    }

    #[inline]
    fn addr(word: u64) -> PhysAddr {
        PhysAddr::new((word & NUMBER) << 2)
    }
}
