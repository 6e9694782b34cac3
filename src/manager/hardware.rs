//! The root table and the ASID, as hardware is told of them.
//!
//! A context switch needs both, and does not need the space: a kernel keeps them beside the lock around it.

use super::space::VirtualMemoryManager;
use crate::addr::PhysAddr;
use crate::asid::Asid;
use crate::backend::PageTableBackend;
use crate::map::Payload;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// The address of the root table, which the hardware is pointed to: one for the life of the space. O(1).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::HostFrames, backend::sv39::Sv39, *};
    /// let space = VirtualMemoryManager::new(Sv39::new(HostFrames::new(1))?);
    /// assert!(space.root_page_table().is_aligned(FRAME_SIZE));
    /// # Ok::<(), MapError>(())
    /// ```
    #[must_use]
    pub fn root_page_table(&self) -> PhysAddr {
        self.backend.root()
    }

    /// The page table. O(1).
    ///
    /// Entries that are mapped in it behind the manager's back, where no map is, stay until that area is unmapped, and
    /// break the [invariants](Self::check_invariants).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::HostFrames, backend::sv39::Sv39, *};
    /// let space = VirtualMemoryManager::new(Sv39::new(HostFrames::new(1))?);
    /// let satp = space.backend().satp(space.asid()); // written by `backend::riscv::activate`
    /// assert_eq!(satp.root(), space.root_page_table());
    /// # Ok::<(), MapError>(())
    /// ```
    #[must_use]
    pub const fn backend(&self) -> &B {
        &self.backend
    }

    /// The ASID that flushes of this space name; 0 at first. O(1).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::NoPageTable, *};
    /// let space = VirtualMemoryManager::new(NoPageTable::new());
    /// assert_eq!(space.asid(), Asid::new(0));
    /// ```
    #[must_use]
    pub const fn asid(&self) -> Asid {
        self.asid
    }

    /// Tags the space: flushes name this ASID from now on. O(1). What deferred verbs have left is settled before, under
    /// the old one.
    ///
    /// Translations that were cached under the old one are the caller's to flush. Where ASIDs are handed out by an
    /// `AsidAllocator`, its slot knows the number, and flushes ask that instead.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::NoPageTable, *};
    /// let mut space = VirtualMemoryManager::new(NoPageTable::new());
    /// space.set_asid(Asid::new(7));
    /// assert_eq!(space.asid().get(), 7);
    /// ```
    pub fn set_asid(&mut self, asid: Asid) {
        self.settle_first();
        self.asid = asid;
    }
}
