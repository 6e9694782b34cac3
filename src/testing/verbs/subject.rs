//! What random verbs are done to.

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::backend::PageTableBackend;
use crate::fault::{Done, FaultError};
use crate::manager::VirtualMemoryManager;
use crate::map::Payload;
use crate::permissions::Access;
use crate::testing::broken::Broken;

/// A space of the kernel's own, as [`Verbs`](super::Verbs) use it: its page table, its payload, and the lock around it.
///
/// The first three methods are all that a space of physical memory needs. A kernel whose spaces have memory that comes
/// when it is touched says so by [`HAS_PAGES`](Self::HAS_PAGES), and gives its own fault handler. One whose CPUs are a
/// [`Machine`](crate::backend::mock::machine::Machine)'s has them asked.
pub trait Subject {
    /// The page table, with pages of 4096 bytes.
    type Table: PageTableBackend;
    /// The payload of maps. Those of neighbours that the model takes for one map must join.
    type Payload: Payload;

    /// Whether entries are ever there. They are, but in a double without a page table.
    const HAS_ENTRIES: bool = true;
    /// Whether memory comes when it is touched, by [`fault`](Self::fault) and [`prefault`](Self::prefault).
    const HAS_PAGES: bool = false;

    /// Looks at the space: under the lock as readers have it, if there is one.
    fn look<R>(
        &self,
        look: impl FnOnce(&VirtualMemoryManager<Self::Table, Self::Payload>) -> R,
    ) -> R;

    /// Changes the space: under the lock as writers have it.
    fn change<R>(
        &mut self,
        change: impl FnOnce(&mut VirtualMemoryManager<Self::Table, Self::Payload>) -> R,
    ) -> R;

    /// The payload of a new map.
    fn payload(&self, area: MemoryArea) -> Self::Payload;

    /// How many frames are in use; 0 if nobody knows, as by default. Each page of its own has one.
    fn frames_in_use(&self) -> usize {
        0
    }

    /// The kernel's page-fault handler: lets the page at `at` come, so that a program may access it so. `None`: there
    /// was nothing to do but to try again. By default there is none.
    ///
    /// # Errors
    /// The program may not do that, or something is wrong.
    fn fault(&self, at: VirtAddr, access: Access) -> Result<Option<Done>, FaultError> {
        let _ = access;
        let hole = MemoryArea::block(at, 4096);
        Err(FaultError::NotMapped { hole })
    }

    /// Lets all pages of `area` come, as [`VirtualMemoryManager::prefault`] does. By default none does.
    ///
    /// # Errors
    /// It stopped behind so many bytes, since nothing is mapped there.
    fn prefault(&self, area: MemoryArea) -> Result<(), usize> {
        let _ = area;
        Err(0)
    }

    /// A CPU caches the way to a page. Any number is a CPU; by default there is none.
    fn warm(&self, cpu: usize, at: VirtAddr) {
        let _ = (cpu, at);
    }

    /// Where a CPU's access leads, if it may be; `None` where there are no CPUs, as by default.
    fn access(&self, cpu: usize, at: VirtAddr, access: Access) -> Option<Option<PhysAddr>> {
        let _ = (cpu, at, access);
        None
    }

    /// Whether CPUs have cached what they must not have, above all on the way to `at`. While deferred verbs `wait` to
    /// be settled, they may have what was there before.
    ///
    /// # Errors
    /// They have. By default they have not.
    fn cached(&self, at: VirtAddr, wait: bool) -> Result<(), Broken> {
        let _ = (at, wait);
        Ok(())
    }

    /// The next flush does nothing: for [`Lie::LostFlush`](super::Lie::LostFlush).
    fn lose_flush(&self) {}
}

/// Its own space, as it is, where no lock is around it.
impl<B: PageTableBackend, P: Payload + Default> Subject for VirtualMemoryManager<B, P> {
    type Table = B;
    type Payload = P;

    fn look<R>(&self, look: impl FnOnce(&Self) -> R) -> R {
        look(self)
    }

    fn change<R>(&mut self, change: impl FnOnce(&mut Self) -> R) -> R {
        change(self)
    }

    fn payload(&self, _area: MemoryArea) -> P {
        P::default()
    }
}
