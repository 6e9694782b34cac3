//! One page-table entry, decoded as the manual has it: Sv39, Sv48 and Sv57 are alike.

use super::extensions::Extensions;
use super::registers::Registers;
use crate::addr::PhysAddr;
use crate::backend::mock::machine::privilege::Privilege;
use crate::backend::mock::machine::rules::{Kind, span};
use crate::permissions::Access;

/// A page-table entry, the word as it stands in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pte(pub(super) u64);

bitflags::bitflags! {
    /// The low bits of an entry ('Sv39: Addressing and Memory Protection').
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Bits: u64 {
        const V = 1;
        const R = 1 << 1;
        const W = 1 << 2;
        const X = 1 << 3;
        const U = 1 << 4;
        const G = 1 << 5;
        const A = 1 << 6;
        const D = 1 << 7;
    }
}

/// The bits that say nothing of what a leaf allows: A, D, G, RSW and the page number.
const UNREAD: u64 = ((1 << 54) - (1 << 8)) | Bits::A.union(Bits::D).union(Bits::G).bits();

impl Pte {
    /// The kind of the entry at `level`: steps 3, 4 and 6 of 'Virtual Address Translation Process'.
    pub(super) fn kind(self, level: usize, extensions: Extensions) -> Kind<()> {
        let bits = self.bits();
        if !bits.contains(Bits::V) || bits.contains(Bits::W) && !bits.contains(Bits::R) {
            return Kind::Fault(());
        }
        let is_pointer = !bits.intersects(Bits::R | Bits::X);
        if self.is_reserved(is_pointer, extensions) {
            return Kind::Fault(());
        }
        if !is_pointer {
            let is_aligned = self.addr().get() & (span(level) as u64 - 1) == 0;
            return if is_aligned {
                Kind::Leaf(self.addr())
            } else {
                Kind::Fault(())
            };
        }
        if level == 0 {
            return Kind::Fault(());
        }
        Kind::Pointer(self.addr())
    }

    /// Whether bits or encodings are set that are reserved, and so cause a page fault.
    ///
    /// These are bits 54 to 60, and N (63) without Svnapot. PBMT (61 and 62) is reserved without Svpbmt, in pointers,
    /// and with the value 3. D, A and U are reserved in pointers.
    fn is_reserved(self, is_pointer: bool, extensions: Extensions) -> bool {
        let pbmt = self.0 >> 61 & 3;
        let pbmt_allowed = extensions.svpbmt && !is_pointer && pbmt != 3;
        self.0 >> 54 & 0x7f != 0
            || self.0 >> 63 != 0
            || pbmt != 0 && !pbmt_allowed
            || is_pointer && self.bits().intersects(Bits::D | Bits::A | Bits::U)
    }

    /// Whether the entry is a leaf, misaligned or not: a fence with an address speaks of leaves.
    pub(super) fn is_leaf(self) -> bool {
        let bits = self.bits();
        bits.contains(Bits::V) && bits.intersects(Bits::R | Bits::X)
    }

    pub(super) fn is_global(self) -> bool {
        self.bits().contains(Bits::V | Bits::G)
    }

    /// Whether a leaf lets `access` happen in this mode (step 5). A and D are not looked at.
    pub(super) fn allows(self, access: Access, registers: &Registers) -> bool {
        let bits = self.bits();
        let in_mode = match (registers.privilege, bits.contains(Bits::U)) {
            (Privilege::User, user) => user,
            (Privilege::Supervisor, false) => true,
            (Privilege::Supervisor, true) => registers.sum && access != Access::Execute,
        };
        let granted = match access {
            Access::Read => bits.contains(Bits::R) || registers.mxr && bits.contains(Bits::X),
            Access::Write => bits.contains(Bits::W),
            Access::Execute => bits.contains(Bits::X),
        };
        in_mode && granted
    }

    /// The entry with A, and for a store D, set, as step 7 asks for it.
    pub(super) fn marked(self, access: Access) -> Self {
        let bits = match access {
            Access::Write => Bits::A | Bits::D,
            _ => Bits::A,
        };
        Self(self.0 | bits.bits())
    }

    /// Whether a cached leaf does all that the leaf in `memory` would.
    ///
    /// A and D may be behind where the hardware sets them, since it sets them in memory; they may not be ahead. G, the
    /// two bits for software, and D where there is no W make no difference. Where they lead is not looked at.
    pub(super) fn agrees(self, memory: Self, extensions: Extensions) -> bool {
        let unread = UNREAD;
        let ahead = self.marks() & !memory.0;
        let behind = memory.marks() & !self.0;
        self.0 | unread == memory.0 | unread && ahead == 0 && (extensions.svadu || behind == 0)
    }

    /// Whether a cached leaf can only fault where the leaf in `memory` would not.
    ///
    /// Such a leaf is for the same mode, and allows no more.
    pub(super) fn allows_less(self, memory: Self) -> bool {
        let rights = (Bits::R | Bits::W | Bits::X).bits();
        let unread = rights | UNREAD;
        let allowed = self.0 & rights | self.marks();
        self.0 | unread == memory.0 | unread && allowed & !memory.0 == 0
    }

    /// The marks that an access asks for: A, and D where there can be a store.
    fn marks(self) -> u64 {
        let marks = if self.bits().contains(Bits::W) {
            Bits::A | Bits::D
        } else {
            Bits::A
        };
        self.0 & marks.bits()
    }

    /// The physical address that the page number (bits 10 to 53) stands for.
    const fn addr(self) -> PhysAddr {
        PhysAddr::new((self.0 >> 10 & ((1 << 44) - 1)) << 12)
    }

    const fn bits(self) -> Bits {
        Bits::from_bits_retain(self.0)
    }
}
