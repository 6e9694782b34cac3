//! One page-table entry, decoded as the manual has it: Sv39, Sv48 and Sv57 are alike.

use super::extensions::Extensions;
use super::status::{Privilege, Status};
use crate::addr::{PhysAddr, VirtAddr};
use crate::permissions::Access;

/// A page-table entry, the word as it stands in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pte(pub(super) u64);

/// The kind of an entry in a hardware walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PteKind {
    /// Not valid, reserved or misaligned: a page fault, whatever the access.
    Fault,
    /// A pointer to the next table, which is at this address.
    Pointer(PhysAddr),
    /// A page or a superpage.
    Leaf,
}

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

/// The number of bytes of which an entry at `level` speaks; level 0 has the pages.
pub(super) const fn span(level: usize) -> usize {
    1 << (12 + 9 * level)
}

impl Pte {
    /// The kind of the entry at `level`: steps 3, 4 and 6 of 'Virtual Address Translation Process'.
    pub(super) fn kind(self, level: usize, extensions: Extensions) -> PteKind {
        let bits = self.bits();
        if !bits.contains(Bits::V) || bits.contains(Bits::W) && !bits.contains(Bits::R) {
            return PteKind::Fault;
        }
        let is_pointer = !bits.intersects(Bits::R | Bits::X);
        if self.is_reserved(is_pointer, extensions) {
            return PteKind::Fault;
        }
        if !is_pointer {
            let is_aligned = self.addr().get() & (span(level) as u64 - 1) == 0;
            return if is_aligned {
                PteKind::Leaf
            } else {
                PteKind::Fault
            };
        }
        if level == 0 {
            return PteKind::Fault;
        }
        PteKind::Pointer(self.addr())
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
    pub(super) fn allows(self, access: Access, status: Status) -> bool {
        let bits = self.bits();
        let in_mode = match (status.privilege, bits.contains(Bits::U)) {
            (Privilege::User, user) => user,
            (Privilege::Supervisor, false) => true,
            (Privilege::Supervisor, true) => status.sum && access != Access::Execute,
        };
        let granted = match access {
            Access::Read => bits.contains(Bits::R) || status.mxr && bits.contains(Bits::X),
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

    /// Where a leaf at `level` leads (step 8).
    pub(super) const fn target(self, level: usize, vaddr: VirtAddr) -> PhysAddr {
        let offset = vaddr.get() & (span(level) - 1);
        PhysAddr::new(self.addr().get() | offset as u64)
    }

    /// Whether `at` lies in the memory that a leaf at `level` leads to.
    pub(super) const fn reaches(self, level: usize, at: PhysAddr) -> bool {
        at.get() & !(span(level) as u64 - 1) == self.addr().get()
    }

    /// The leaf one level below a leaf at `level`, in slot `slot` of a table that leads where the leaf does.
    pub(super) const fn part(self, level: usize, slot: usize) -> Self {
        let first = (slot * span(level.saturating_sub(1))) as u64;
        Self(self.0 | first >> 2)
    }

    /// Whether a cached leaf does all that the leaf in `memory` would.
    ///
    /// A and D may be behind where the hardware sets them, since it sets them in memory; they may not be ahead. G, the
    /// two bits for software, and D where there is no W make no difference.
    pub(super) fn agrees(self, memory: Self, extensions: Extensions) -> bool {
        let unread = (Bits::A | Bits::D | Bits::G).bits() | 3 << 8;
        let ahead = self.marks() & !memory.0;
        let behind = memory.marks() & !self.0;
        self.0 | unread == memory.0 | unread && ahead == 0 && (extensions.svadu || behind == 0)
    }

    /// Whether a cached leaf can only fault where the leaf in `memory` would not.
    ///
    /// Such a leaf leads to the same frame for the same mode, and allows no more.
    pub(super) fn allows_less(self, memory: Self) -> bool {
        let rights = (Bits::R | Bits::W | Bits::X).bits();
        let unread = rights | (Bits::A | Bits::D | Bits::G).bits() | 3 << 8;
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
