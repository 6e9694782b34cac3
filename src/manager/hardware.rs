//! The root table and the ASID, as hardware is told of them.

use super::space::VirtualMemoryManager;
use crate::addr::PhysAddr;
use crate::asid::Asid;
use crate::backend::PageTableBackend;
use crate::map::Payload;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Where the root table is: what the hardware is pointed to. The same for the life of the space. O(1).
    #[must_use]
    pub fn root_page_table(&self) -> PhysAddr {
        self.backend.root()
    }

    /// The page table. O(1).
    ///
    /// What is mapped in it behind the manager's back, where no map is, stays until that area is unmapped, and breaks
    /// the [invariants](Self::check_invariants).
    #[must_use]
    pub const fn backend(&self) -> &B {
        &self.backend
    }

    /// The ASID; 0 at first. O(1).
    #[must_use]
    pub const fn asid(&self) -> Asid {
        self.asid
    }

    /// Tags the space: flushes name this ASID from now on. Translations that were cached under the old one are the
    /// caller's to flush. O(1).
    pub const fn set_asid(&mut self, asid: Asid) {
        self.asid = asid;
    }
}
