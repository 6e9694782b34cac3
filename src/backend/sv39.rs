//! RISC-V's Sv39: three levels, 39-bit virtual and 56-bit physical addresses.
//!
//! After the RISC-V Privileged Architecture, 'Sv39: Page-Based 39-bit Virtual-Memory System' and, for what the bits
//! mean, 'Addressing and Memory Protection' of Sv32, to which it refers.

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::backend::radix::{Format, Radix, Sealed, Word};
use crate::error::MapError;
use crate::permissions::Permissions;

/// An Sv39 page table in frames of platform `P`: leaves of 4 KiB, 2 MiB and 1 GiB.
///
/// A and D are preset in every leaf, so hardware that faults on a clear bit (Svade) has no reason to. Its root goes
/// into `satp` as `8 << 60 | asid << 44 | root >> 12` ('Supervisor Address Translation and Protection Register').
pub type Sv39<P> = Radix<Sv39Format, P>;

/// The entries of Sv39.
#[derive(Clone, Copy, Debug)]
pub enum Sv39Format {}

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
        /// Accessed. A leaf with A = 0 may fault on its first use.
        const A = 1 << 6;
        /// Dirty. A leaf with D = 0 may fault on its first write.
        const D = 1 << 7;
        /// Software's: a leaf without permissions. V is clear.
        const HIDDEN = 1 << 8;
        /// Software's: a pointer that waits for its flush. V is clear.
        const RETIRED = 1 << 9;
    }
}

/// R, W, X and U, in this order.
const PERMISSIONS: [(Permissions, Bits); 4] = [
    (Permissions::READ, Bits::R),
    (Permissions::WRITE, Bits::W),
    (Permissions::EXECUTE, Bits::X),
    (Permissions::USER, Bits::U),
];

/// The page number is bits 10 to 53; the address it stands for has 12 more bits at its low end. Bits 54 to 63 are
/// reserved, or Svnapot's and Svpbmt's, and stay 0.
const NUMBER: u64 = ((1 << 44) - 1) << 10;

const fn number(addr: PhysAddr) -> u64 {
    (addr.get() >> 2) & NUMBER
}

impl Sealed for Sv39Format {}

impl Format for Sv39Format {
    const LEVELS: usize = 3;

    /// A leaf of 512 × 512 pages, a 'gigapage', stands in the root.
    const HIGHEST_LEAF: usize = 2;

    /// Bits 63 to 39 of an address must equal bit 38.
    const RANGES: &'static [MemoryArea] = &[
        MemoryArea::constant(0, 0x3f_ffff_ffff),
        MemoryArea::constant(0xffff_ffc0_0000_0000, usize::MAX),
    ];

    const PHYSICAL_BITS: u32 = 56;

    /// Without Svpbmt the memory type is the physical address's own (its PMA), and entries cannot say another.
    fn supports(attributes: Attributes) -> Result<(), MapError> {
        match attributes.memory_type {
            MemoryType::Normal => Ok(()),
            memory_type => Err(MapError::UnsupportedMemoryType { memory_type }),
        }
    }

    fn leaf(addr: PhysAddr, attributes: Attributes, _level: usize) -> u64 {
        let permissions = attributes.permissions;
        let state = if permissions.allow_any() {
            Bits::V
        } else {
            Bits::HIDDEN
        };
        let allowed = PERMISSIONS
            .iter()
            .filter(|&&(permission, _)| permissions.contains(permission));
        let bits = allowed.fold(state | Bits::A | Bits::D, |bits, &(_, bit)| bits | bit);
        number(addr) | bits.bits()
    }

    fn table(addr: PhysAddr, _level: usize) -> u64 {
        number(addr) | Bits::V.bits()
    }

    fn retired(addr: PhysAddr, _level: usize) -> u64 {
        number(addr) | Bits::RETIRED.bits()
    }

    fn decode(word: u64, _level: usize) -> Word {
        let addr = PhysAddr::new((word & NUMBER) << 2);
        let bits = Bits::from_bits_retain(word);
        if bits.contains(Bits::V) && !bits.intersects(Bits::R | Bits::W | Bits::X) {
            return Word::Table(addr);
        }
        if bits.contains(Bits::RETIRED) {
            return Word::Retired(addr);
        }
        let given = PERMISSIONS.iter().filter(|&&(_, bit)| bits.contains(bit));
        let permissions = given.fold(Permissions::empty(), |sum, &(permission, _)| {
            sum | permission
        });
        let attributes = Attributes {
            permissions,
            memory_type: MemoryType::Normal,
        };
        match (bits.contains(Bits::V), bits.contains(Bits::HIDDEN)) {
            (true, _) => Word::Leaf(addr, attributes),
            (false, true) => Word::Hidden(addr, attributes),
            (false, false) => Word::Empty,
        }
    }
}
