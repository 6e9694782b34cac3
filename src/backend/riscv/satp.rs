//! What `satp` says: which page table a CPU walks.

use super::word::Riscv;
use crate::addr::{PhysAddr, VirtAddr};
use crate::asid::Asid;
use crate::backend::page_table::PageTableBackend;
use crate::backend::radix::Radix;
use crate::frame::FRAME_SIZE;
use crate::platform::Platform;

/// How a CPU translates (Privileged, 'Supervisor Address Translation and Protection Register', MODE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Mode {
    /// Not at all.
    Bare = 0,
    /// Three levels.
    Sv39 = 8,
    /// Four levels.
    Sv48 = 9,
    /// Five levels.
    Sv57 = 10,
}

impl Mode {
    /// Whether the bits above those that are translated all equal the highest of them; `Bare` has any address. In
    /// another mode than the one that has cached an address, it may not be canonical, and `sfence.vma` with it then has
    /// no effect (Privileged, 'Supervisor Memory-Management Fence Instruction'). O(1).
    #[must_use]
    pub const fn is_canonical(self, addr: VirtAddr) -> bool {
        let unused = match self {
            Self::Bare => 0,
            Self::Sv39 => 64 - 39,
            Self::Sv48 => 64 - 48,
            Self::Sv57 => 64 - 57,
        };
        let bits = addr.get() as isize;
        (bits << unused) >> unused == bits
    }
}

/// A value for `satp` on RV64: mode, ASID and root, a small value that a kernel keeps for each space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Satp(u64);

impl Satp {
    /// Where the mode begins.
    const MODE: u32 = 60;
    /// Where the ASID begins; it has 16 bits, of which a CPU may keep fewer.
    const ASID: u32 = 44;
    /// The bits of the root's page number.
    const NUMBER: u64 = (1 << Self::ASID) - 1;

    /// No translation.
    pub const BARE: Self = Self(0);

    /// The value for a page table with this root.
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

    /// What the register holds, read back.
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

    /// The mode; `None` for one that is reserved.
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
    /// What `satp` calls the format.
    pub const MODE: Mode = R::MODE;

    /// What makes a CPU translate through this page table under `asid`: its mode and its root. The same for the life
    /// of the page table. O(1).
    #[must_use]
    pub fn satp(&self, asid: Asid) -> Satp {
        Satp::new(Self::MODE, asid, self.root())
    }
}
