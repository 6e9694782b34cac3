//! The register `satp`: the tables, the scheme and the ASID that a CPU translates with, decoded by the machine itself.
//!
//! [`riscv::Satp`](crate::backend::riscv::Satp) is the same register for a kernel. The machine decodes it once more, so
//! that a mistake there is found here.

use crate::addr::{PhysAddr, VirtAddr};
use crate::asid::Asid;

/// The scheme by which addresses are translated (Privileged, 'Supervisor Address Translation and Protection Register',
/// MODE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Scheme {
    /// No translation: virtual addresses are physical ones.
    #[default]
    Bare,
    /// Three levels, 39 bits.
    Sv39,
    /// Four levels, 48 bits.
    Sv48,
    /// Five levels, 57 bits.
    Sv57,
}

impl Scheme {
    /// The number that stands in bits 60 to 63 of `satp`.
    const fn code(self) -> u64 {
        match self {
            Self::Bare => 0,
            Self::Sv39 => 8,
            Self::Sv48 => 9,
            Self::Sv57 => 10,
        }
    }

    /// The number of levels of tables; `Bare` has none.
    pub(super) const fn levels(self) -> usize {
        match self {
            Self::Bare => 0,
            Self::Sv39 => 3,
            Self::Sv48 => 4,
            Self::Sv57 => 5,
        }
    }

    /// The scheme with this number, or `None` where the number is reserved.
    const fn from_code(code: u64) -> Option<Self> {
        match code {
            0 => Some(Self::Bare),
            8 => Some(Self::Sv39),
            9 => Some(Self::Sv48),
            10 => Some(Self::Sv57),
            _ => None,
        }
    }

    /// Whether the bits above those that are translated all equal the highest of them.
    pub(super) fn is_canonical(self, vaddr: VirtAddr) -> bool {
        self == Self::Bare || self.extend(vaddr.get()) == vaddr
    }

    /// The canonical address with these low bits: the highest of them is repeated above.
    pub(super) fn extend(self, low: usize) -> VirtAddr {
        let unused = usize::BITS - 12 - 9 * u32::try_from(self.levels()).unwrap_or(0);
        VirtAddr::new((((low << unused) as isize) >> unused) as usize)
    }
}

/// The fields of `satp`: MODE in bits 60 to 63, ASID in 44 to 59, the root table's page number in 0 to 43.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Satp {
    /// The scheme by which addresses are translated.
    pub(super) mode: Scheme,
    /// The identifier under which translations are cached.
    pub(super) asid: Asid,
    /// The physical address of the root table. Only bits 12 to 55 count.
    pub(super) root: PhysAddr,
}

impl Satp {
    const PPN: u64 = (1 << 44) - 1;

    /// The register as one word.
    pub(super) const fn bits(self) -> u64 {
        self.mode.code() << 60
            | (self.asid.get() as u64) << 44
            | (self.root.get() >> 12) & Self::PPN
    }

    /// The fields, or `None` when MODE is reserved.
    pub(super) fn from_bits(bits: u64) -> Option<Self> {
        Some(Self {
            mode: Scheme::from_code(bits >> 60)?,
            asid: Asid::new(u16::try_from(bits >> 44 & 0xffff).unwrap_or(0)),
            root: PhysAddr::new((bits & Self::PPN) << 12),
        })
    }
}
