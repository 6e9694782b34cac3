//! The value of `satp`: which page table a CPU walks, in which mode, under which ASID.

use super::mode::Mode;
use super::word::Riscv;
use crate::addr::PhysAddr;
use crate::asid::Asid;
use crate::backend::page_table::PageTableBackend;
use crate::backend::radix::Radix;
use crate::frame::FRAME_SIZE;
use crate::platform::Platform;

/// A value for `satp` on RV64: mode, ASID and root, a small value that a kernel keeps for each space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Satp(u64);

impl Satp {
    /// The first bit of the mode.
    const MODE: u32 = 60;
    /// The first bit of the ASID. It has 16 bits, of which a CPU may keep fewer.
    const ASID: u32 = 44;
    /// The bits of the root's page number.
    const NUMBER: u64 = (1 << Self::ASID) - 1;

    /// The value for no translation.
    pub const BARE: Self = Self(0);

    /// The value for a page table with this root. O(1).
    #[must_use]
    pub const fn new(mode: Mode, asid: Asid, root: PhysAddr) -> Self {
        let number = (root.get() / FRAME_SIZE as u64) & Self::NUMBER;
        Self((mode as u64) << Self::MODE | (asid.get() as u64) << Self::ASID | number)
    }

    /// The register's value.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The value that was read back from the register. O(1).
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The root table.
    #[must_use]
    pub const fn root(self) -> PhysAddr {
        PhysAddr::new((self.0 & Self::NUMBER) * FRAME_SIZE as u64)
    }

    /// The ASID.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the field has 16 bits")]
    pub const fn asid(self) -> Asid {
        Asid::new((self.0 >> Self::ASID) as u16)
    }

    /// The mode; `None` for one that is reserved. O(1).
    #[must_use]
    pub const fn mode(self) -> Option<Mode> {
        match self.0 >> Self::MODE {
            0 => Some(Mode::Bare),
            8 => Some(Mode::Sv39),
            9 => Some(Mode::Sv48),
            10 => Some(Mode::Sv57),
            _ => None,
        }
    }
}

impl<R: Riscv, P: Platform> Radix<R, P> {
    /// The mode in which a CPU walks page tables of this format.
    pub const MODE: Mode = R::MODE;

    /// The value of `satp` with which a CPU translates through this page table under `asid`. Mode and root stay for the
    /// life of the page table. O(1).
    #[must_use]
    pub fn satp(&self, asid: Asid) -> Satp {
        Satp::new(Self::MODE, asid, self.root())
    }
}
