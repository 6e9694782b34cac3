//! The values of `TTBR0_EL1` and `TTBR1_EL1`: which page table a CPU walks, under which ASID.

use super::word::Aarch64Format;
use crate::addr::PhysAddr;
use crate::asid::Asid;
use crate::backend::page_table::PageTableBackend;
use crate::backend::radix::Radix;
use crate::platform::Platform;

/// A value for `TTBR0_EL1` or `TTBR1_EL1`: root and ASID of 8 or 16 bits, as TCR_EL1.AS says. TCR_EL1.A1 says which of
/// the two registers has the ASID that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ttbr(u64);

impl Ttbr {
    /// The first bit of the ASID.
    const ASID: u32 = 48;
    /// The bits of the root's address.
    const ROOT: u64 = ((1 << Self::ASID) - 1) & !0xfff;

    /// The value for a page table with this root. O(1).
    #[must_use]
    pub const fn new(asid: Asid, root: PhysAddr) -> Self {
        Self((asid.get() as u64) << Self::ASID | root.get() & Self::ROOT)
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
        PhysAddr::new(self.0 & Self::ROOT)
    }

    /// The ASID.
    #[must_use]
    pub const fn asid(self) -> Asid {
        Asid::new((self.0 >> Self::ASID) as u16)
    }
}

impl<const LEVELS: usize, P: Platform> Radix<Aarch64Format<LEVELS>, P> {
    /// The value with which a CPU translates one half through this page table under `asid`: of `TTBR0_EL1`, or, for a
    /// page table of the [kernel half](Radix::kernel), of `TTBR1_EL1`. The root stays for the life of the page table.
    /// O(1).
    ///
    /// ```
    /// use kernel_vm::backend::{aarch64::Aarch64, mock::HostFrames};
    /// use kernel_vm::{Asid, backend::PageTableBackend};
    ///
    /// let table = Aarch64::new(HostFrames::new(8))?;
    /// let ttbr = table.ttbr(Asid::new(7));
    /// assert_eq!((ttbr.root(), ttbr.asid()), (table.root(), Asid::new(7)));
    /// # Ok::<(), kernel_vm::MapError>(())
    /// ```
    #[must_use]
    pub fn ttbr(&self, asid: Asid) -> Ttbr {
        Ttbr::new(asid, self.root())
    }
}
