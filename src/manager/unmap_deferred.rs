//! Removing whatever is mapped in an area, and leaving the flush for later.

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, check_area};
use crate::error::MapError;
use crate::flush::Retired;
use crate::map::Payload;
use crate::tree::Spot;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Removes whatever is mapped in `area`, as [`unmap`](Self::unmap) does, and leaves the flush to
    /// [`settle`](Self::settle): the lock can be downgraded in between.
    ///
    /// The maps are gone at once: lookups find none, and whoever touches the pages faults. But a CPU that has cached a
    /// translation may use it until the flush, so nothing goes back before that:
    /// - frames and tables stay in the page table as retired words, and `settle` gives them back;
    /// - the pieces that were cut out stay in the space. Behind the flush, the next verb that takes `&mut self` drops
    ///   them, or the drop of the space.
    ///
    /// Somebody must settle: until then, frames wait. A payload waits for the next verb with `&mut self` beside,
    /// whatever has become of its frames.
    ///
    /// Several deferred verbs add up, and are settled by one flush. All other verbs that take `&mut self` settle first,
    /// but for [`set_fault_around`](Self::set_fault_around) and [`allow_heap`](#method.allow_heap), which leave pieces
    /// alone, too. So the area can be mapped anew at any time. O(log n + maps touched + tables touched), and
    /// O(log pieces) more for each piece whose payload has a destructor; no flush.
    /// Where entries must be broken before others are made (AArch64), each large leaf that is split takes one.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// space.populate(area)?;
    /// assert!(space.backend().access(0, area.start(), Access::Read).is_ok());
    /// space.unmap_deferred(area)?;
    /// assert_eq!(space.memory_maps().len(), 0);
    /// assert!(space.backend().access(0, area.start(), Access::Read).is_ok()); // from its TLB
    /// assert_eq!(space.settle(), Settled::Done);
    /// assert!(space.backend().access(0, area.start(), Access::Read).is_err());
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`unmap`](Self::unmap): nothing has changed. [`MapError::OutOfNodes`] also where the pieces need nodes
    /// to wait in: they do if payloads have a destructor. Behind `settle` and any verb with `&mut self`, there may be
    /// enough.
    pub fn unmap_deferred(&mut self, area: MemoryArea) -> Result<(), MapError> {
        if !B::SETTLES {
            return self.unmap(area);
        }
        self.recover_deferred();
        check_area(&self.backend, area)?;
        let (spot, mut reserved) = self.reserve_deferred(area)?;
        self.begin(Unfinished::Entries(area));
        let mut out = Retired::new();
        self.backend.unmap(area, &mut reserved, &mut out);
        self.defer(reserved, &out);
        self.begin(Unfinished::Joins);
        let Self { tree, deferred, .. } = self;
        tree.cut(area, spot, |piece| deferred.put(piece));
        self.end();
        Ok(())
    }

    /// Reserves for the pieces first: those nodes come from the tree's own.
    fn reserve_deferred(&mut self, area: MemoryArea) -> Result<(Spot, B::Reserved), MapError> {
        self.deferred.reserve(area, &mut self.tree)?;
        let reserved = self.reserve(|tree| tree.reserve_cut(area), Edit::Unmap(area));
        reserved.inspect_err(|_| self.deferred.unreserve(&mut self.tree))
    }
}
