//! One descriptor of a translation table, decoded as the manual has it ('VMSAv8-64 translation table format
//! descriptors', stage 1, granule of 4 KiB).

use super::abort::Fault;
use super::cpus::Hafdbs;
use super::path::Path;
use crate::addr::PhysAddr;
use crate::backend::mock::machine::rules::{Kind, span};
use crate::permissions::Access;

/// A descriptor, the word as it stands in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptor(pub(super) u64);

bitflags::bitflags! {
    /// The attributes of a block or a page.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Bits: u64 {
        /// AP\[1\], bit 6.
        const EL0 = 1 << 6;
        /// AP\[2\], bit 7.
        const READ_ONLY = 1 << 7;
        const AF = 1 << 10;
        const NG = 1 << 11;
        const DBM = 1 << 51;
        const PXN = 1 << 53;
        const UXN = 1 << 54;
    }
}

/// AttrIndx (bits 2 to 4) and SH (8 and 9).
const MEMORY: u64 = 0b111 << 2 | 0b11 << 8;

/// Bits 12 to 49. Those above 47 are RES0, and of the address where there are 52 bits: here they are above any width.
const ADDRESS: u64 = ((1 << 50) - 1) & !0xfff;

impl Descriptor {
    /// The kind of the descriptor in a table of this level; 0 is the last, which the manual numbers 3.
    ///
    /// Bits 0 and 1 tell: a block is at levels 1 and 2 alone, and at level 3 a page has both bits.
    pub(super) fn kind(self, level: usize, physical_bits: u32) -> Kind<Fault> {
        let is_table_or_page = self.0 & 0b10 != 0;
        match (self.0 & 1, is_table_or_page, level) {
            (1, true, 0) | (1, false, 1 | 2) => self.leaf(level, physical_bits),
            (1, true, _) => match self.within(self.0 & ADDRESS, physical_bits) {
                Some(table) => Kind::Pointer(table),
                None => Kind::Fault(Fault::address_size(level)),
            },
            _ => Kind::Fault(Fault::translation(level)),
        }
    }

    /// A block or a page. The low bits of a block's address are RES0, and ignored.
    fn leaf(self, level: usize, physical_bits: u32) -> Kind<Fault> {
        let to = self.0 & ADDRESS & !(span(level) as u64 - 1);
        match self.within(to, physical_bits) {
            Some(to) => Kind::Leaf(to),
            None => Kind::Fault(Fault::address_size(level)),
        }
    }

    /// The address, unless it is wider than the CPU's ('Address size fault').
    fn within(self, addr: u64, physical_bits: u32) -> Option<PhysAddr> {
        let above = addr.checked_shr(physical_bits.min(48)).unwrap_or(0);
        (above == 0).then_some(PhysAddr::new(addr))
    }

    /// What a table descriptor takes from all leaves below: bits 59 to 62. NSTable says nothing in one world.
    pub(super) const fn hierarchical(self) -> Path {
        Path::from_bits_truncate(self.0)
    }

    pub(super) const fn is_accessed(self) -> bool {
        self.has(Bits::AF)
    }

    /// nG: the leaf is of the ASID under which it is read.
    pub(super) const fn is_of_one_asid(self) -> bool {
        self.has(Bits::NG)
    }

    pub(super) const fn is_for_el0(self) -> bool {
        self.has(Bits::EL0)
    }

    /// Whether AP\[2\] allows writes. 'Descriptors marked with DBM have the effective value of AP\[2\] cleared', where
    /// the hardware keeps dirty state.
    pub(super) fn is_writable(self, hafdbs: Hafdbs) -> bool {
        !self.has(Bits::READ_ONLY) || hafdbs.dirty() && self.has(Bits::DBM)
    }

    pub(super) const fn is_pxn(self) -> bool {
        self.has(Bits::PXN)
    }

    pub(super) const fn is_uxn(self) -> bool {
        self.has(Bits::UXN)
    }

    /// The memory type and the shareability.
    pub(super) const fn memory(self) -> u64 {
        self.0 & MEMORY
    }

    /// The descriptor with AF.
    pub(super) const fn accessed(self) -> Self {
        Self(self.0 | Bits::AF.bits())
    }

    /// The descriptor as an access that is allowed leaves it in memory.
    pub(super) fn marked(self, access: Access, hafdbs: Hafdbs) -> Self {
        let marked = if hafdbs.flag() { self.accessed() } else { self };
        let is_dirtied = access == Access::Write && hafdbs.dirty() && self.has(Bits::DBM);
        if is_dirtied {
            Self(marked.0 & !Bits::READ_ONLY.bits())
        } else {
            marked
        }
    }

    /// AF, and AP\[2\] inverted where a clear one tells of a write.
    pub(super) fn marks(self, hafdbs: Hafdbs) -> u64 {
        let tells = hafdbs.dirty() && self.has(Bits::DBM);
        let written = if tells {
            Bits::READ_ONLY
        } else {
            Bits::empty()
        };
        self.0 & Bits::AF.bits() | !self.0 & written.bits()
    }

    const fn has(self, bits: Bits) -> bool {
        self.0 & bits.bits() == bits.bits()
    }
}
