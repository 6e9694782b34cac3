//! The value of `CR3`: which page table a CPU walks, under which PCID.

use super::word::X86_64Format;
use crate::addr::PhysAddr;
use crate::asid::Asid;
use crate::backend::page_table::PageTableBackend;
use crate::backend::radix::Radix;
use crate::frame::FRAME_SIZE;
use crate::platform::Platform;

/// A value for `CR3`: root and PCID, x86's name for an ASID of 12 bits (SDM, 'Process-Context Identifiers').
///
/// Without CR4.PCIDE the PCID must be 0: other bits in its place are the memory type of the root table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cr3(u64);

impl Cr3 {
    /// The bits of the PCID.
    const PCID: u64 = FRAME_SIZE as u64 - 1;
    /// Set in a value that is written: what is cached under its PCID stays.
    const KEEP: u64 = 1 << 63;
    /// The bits of the root's address.
    const ROOT: u64 = ((1 << 52) - 1) & !Self::PCID;

    /// The value for a page table with this root. Writing it forgets what this CPU has cached under that PCID, but for
    /// global translations. Of `pcid` the lower 12 bits count. O(1).
    #[must_use]
    pub const fn new(pcid: Asid, root: PhysAddr) -> Self {
        Self(root.get() & Self::ROOT | pcid.get() as u64 & Self::PCID)
    }

    /// The same value, which lets what is cached under its PCID stay. Only with CR4.PCIDE: else the bit is reserved.
    #[must_use]
    pub const fn keeping(self) -> Self {
        Self(self.0 | Self::KEEP)
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

    /// The PCID.
    #[must_use]
    pub const fn pcid(self) -> Asid {
        Asid::new((self.0 & Self::PCID) as u16)
    }
}

impl<const LEVELS: usize, P: Platform> Radix<X86_64Format<LEVELS>, P> {
    /// The value of `CR3` with which a CPU translates through this page table under `pcid`. The root stays for the life
    /// of the page table. O(1).
    ///
    /// ```
    /// use kernel_vm::backend::{mock::HostFrames, x86_64::X86_64};
    /// use kernel_vm::{Asid, backend::PageTableBackend};
    ///
    /// let table = X86_64::new(HostFrames::new(8))?;
    /// let cr3 = table.cr3(Asid::new(7));
    /// assert_eq!((cr3.root(), cr3.pcid()), (table.root(), Asid::new(7)));
    /// # Ok::<(), kernel_vm::MapError>(())
    /// ```
    #[must_use]
    pub fn cr3(&self, pcid: Asid) -> Cr3 {
        Cr3::new(pcid, self.root())
    }
}
