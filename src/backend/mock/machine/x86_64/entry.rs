//! One paging-structure entry, decoded as the manual has it.
//!
//! Intel SDM vol. 3, '4-Level Paging and 5-Level Paging': the tables 'Format of a … Entry', and what the text says of
//! reserved bits. AMD's vol. 2, 'Long-Mode Page Translation', says the same.

use super::X86_64;
use super::reason::Reason;
use crate::addr::PhysAddr;
use crate::backend::mock::machine::rules::{Kind, span};

/// A paging-structure entry, the word as it stands in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(pub(super) u64);

bitflags::bitflags! {
    /// The bits of an entry.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(super) struct Bits: u64 {
        const P = 1;
        const RW = 1 << 1;
        const US = 1 << 2;
        const PWT = 1 << 3;
        const PCD = 1 << 4;
        const A = 1 << 5;
        const D = 1 << 6;
        /// A leaf, in a table above the last. In a leaf of the last table it is PAT.
        const PS = 1 << 7;
        const G = 1 << 8;
        const XD = 1 << 63;
    }
}

/// The level of page-directory-pointer tables: the highest whose entries may be leaves, of 1 GiB.
const PDPT: usize = 2;

/// PAT, in a leaf above the last table.
const LARGE_PAT: u64 = 1 << 12;

impl Entry {
    /// The kind of the entry at `level`. Reserved bits count only where P is set.
    pub(super) fn kind(self, level: usize, cpus: X86_64) -> Kind<Reason> {
        if !self.has(Bits::P) {
            return Kind::Fault(Reason::NotPresent);
        }
        let is_large = level > 0 && self.has(Bits::PS);
        if self.0 & reserved(level, is_large, cpus) != 0 {
            return Kind::Fault(Reason::Reserved);
        }
        let is_leaf = level == 0 || is_large;
        if is_leaf {
            let within = span(level) as u64 - 1;
            return Kind::Leaf(PhysAddr::new(self.0 & address_bits(cpus) & !within));
        }
        Kind::Pointer(PhysAddr::new(self.0 & address_bits(cpus)))
    }

    pub(super) const fn has(self, bits: Bits) -> bool {
        Bits::from_bits_retain(self.0).contains(bits)
    }

    /// The index into the page attribute table that a leaf at `level` has, with its bits where they stand.
    pub(super) const fn memory_type(self, level: usize) -> (bool, bool, bool) {
        let pat = if level == 0 {
            self.has(Bits::PS)
        } else {
            self.0 & LARGE_PAT != 0
        };
        (pat, self.has(Bits::PCD), self.has(Bits::PWT))
    }

    /// The entry with A set, as it is once it was used.
    pub(super) const fn accessed(self) -> Self {
        Self(self.0 | Bits::A.bits())
    }

    /// The leaf with A and D set, as a store leaves it.
    pub(super) const fn dirty(self) -> Self {
        Self(self.0 | Bits::A.union(Bits::D).bits())
    }
}

/// The bits of a physical address in an entry: 12 to the highest that the CPUs have.
const fn address_bits(cpus: X86_64) -> u64 {
    let all = (1 << 52) - 1;
    let width = if cpus.physical_bits < 52 {
        (1 << cpus.physical_bits) - 1
    } else {
        all
    };
    width & !0xfff
}

/// The bits that must be clear in an entry at `level`.
const fn reserved(level: usize, is_large: bool, cpus: X86_64) -> u64 {
    let all = ((1 << 52) - 1) & !0xfff;
    let too_high = all & !address_bits(cpus);
    let xd = if cpus.nxe { 0 } else { Bits::XD.bits() };
    let may_be_large = level < PDPT || level == PDPT && cpus.gigabytes;
    let ps = if may_be_large { 0 } else { Bits::PS.bits() };
    // Below a large leaf's address, only PAT (bit 12) means something.
    let misaligned = if is_large && may_be_large {
        (span(level) as u64 - 1) & !0x1fff
    } else {
        0
    };
    too_high | xd | ps | misaligned
}
