//! The modes in which a CPU translates.

use crate::addr::VirtAddr;

/// How a CPU translates (Privileged, 'Supervisor Address Translation and Protection Register', MODE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Mode {
    /// No translation: an address is physical.
    Bare = 0,
    /// Three levels, 39-bit addresses.
    Sv39 = 8,
    /// Four levels, 48-bit addresses.
    Sv48 = 9,
    /// Five levels, 57-bit addresses.
    Sv57 = 10,
}

impl Mode {
    /// Whether `addr` is canonical in this mode: the bits above those that are translated all equal the highest of
    /// them. In `Bare` any address is. O(1).
    ///
    /// A CPU may run in another mode than the one that has cached an address. The address may not be canonical there,
    /// and `sfence.vma` with it then has no effect (Privileged, 'Supervisor Memory-Management Fence Instruction').
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
