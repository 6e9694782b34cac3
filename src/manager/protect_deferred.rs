//! Changing permissions, and leaving the flush for later.

use super::space::VirtualMemoryManager;
use crate::area::MemoryArea;
use crate::backend::PageTableBackend;
use crate::error::MapError;
use crate::map::Payload;
use crate::permissions::Permissions;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Gives everything in `area` these permissions, as [`protect`](Self::protect) does, and leaves the flush to
    /// [`settle`](Self::settle): the lock can be downgraded in between.
    ///
    /// Maps and entries have their new permissions at once. A CPU that has cached a translation may use the old ones
    /// until the flush. A fault in the area that would change a leaf, or copy its page, settles first, or answers
    /// [`Answer::Spurious`](crate::Answer::Spurious) while another CPU does. So may one outside of it, where deferred
    /// verbs have changed more ranges than a flush names; one at an untouched page does not. Deferred verbs add up, as
    /// with [`unmap_deferred`](Self::unmap_deferred). O(log n + maps touched + leaves touched), and no flush.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, rw, false)?)?;
    /// space.populate(area)?;
    /// assert!(space.backend().access(0, area.start(), Access::Write).is_ok());
    /// space.protect_deferred(area, Permissions::READ)?;
    /// assert!(space.backend().access(0, area.start(), Access::Write).is_ok()); // from its TLB
    /// assert_eq!(space.settle(), Settled::Done);
    /// assert!(space.backend().access(0, area.start(), Access::Write).is_err());
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`protect`](Self::protect): nothing has changed. Nodes and frames that wait since earlier deferred
    /// verbs are missing here: where one runs out, `protect` itself may succeed.
    pub fn protect_deferred(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), MapError> {
        if !B::SETTLES {
            return self.protect(area, permissions);
        }
        self.recover_deferred();
        self.protect_then(area, permissions, |space, left, out| {
            space.defer(left, &out);
        })
    }
}
