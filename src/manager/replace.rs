//! Mapping over whatever is there.
//!
//! One verb, and not an unmap followed by an add: nothing comes between, and when it is refused the old maps are there.

use super::refused::Refused;
use super::space::VirtualMemoryManager;
use super::steps::check_map;
use super::unfinished::Unfinished;
use super::unmap::Discard;
use crate::backend::{Edit, PageTableBackend};
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};
use crate::tree::{Relief, Spot};

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Records `map` in place of whatever was there, as `mmap` does with `MAP_FIXED`.
    ///
    /// Its area may hold any part of any number of maps, and holes. The pieces that are cut out are dropped; maps at
    /// the borders are split. Clears the page table and flushes once, unless no entry was valid and no table went.
    /// O(log n + maps touched + tables touched).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let page = MemoryArea::from_start_size(VirtAddr::new(0x2000), 0x1000)?;
    /// let device = MemoryArea::from_start_size(PhysAddr::new(0x1000_0000), 0x1000)?;
    /// space.replace_memory_map(VirtualMemoryMap::new(page, device, Permissions::READ, false)?)?;
    /// assert_eq!(space.memory_maps().len(), 3);
    /// assert_eq!(space.translate_vaddr(page.start()), Some(device.start()));
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// The map comes back, and nothing has changed:
    /// - [`MapError::Misaligned`], [`MapError::MisalignedSize`], [`MapError::MisalignedPhys`]: it is not whole pages;
    /// - [`MapError::OutOfRange`], [`MapError::PhysOutOfRange`]: the backend cannot map there;
    /// - [`MapError::WriteWithoutRead`], [`MapError::UnsupportedMemoryType`]: no entry can say that;
    /// - [`MapError::OutOfNodes`];
    /// - [`MapError::OutOfFrames`], when a superpage at a border cannot be split.
    pub fn replace_memory_map(&mut self, map: VirtualMemoryMap<T>) -> Result<(), Refused<T>> {
        self.replace_memory_map_into(map, &mut Discard)
    }

    /// Replaces maps as [`replace_memory_map`](Self::replace_memory_map) does, and hands the pieces to `out`.
    ///
    /// The pieces that are cut out come in address order, when nobody reaches their memory any more.
    /// O(log n + maps touched + tables touched).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let zeroes = MemoryArea::from_start_size(PhysAddr::new(0x9000_0000), 0x3000)?;
    /// let map = VirtualMemoryMap::new(area, zeroes, Permissions::READ, false)?;
    /// let mut out = Vec::new();
    /// space.replace_memory_map_into(map, &mut out)?;
    /// assert_eq!(out[0].pmarea(), Some(memory));
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`replace_memory_map`](Self::replace_memory_map): the map comes back, nothing has changed, and `out` is
    /// untouched.
    pub fn replace_memory_map_into(
        &mut self,
        map: VirtualMemoryMap<T>,
        out: &mut impl Extend<VirtualMemoryMap<T>>,
    ) -> Result<(), Refused<T>> {
        self.recover();
        let reserved = match self.reserve_replace(&map) {
            Ok(reserved) => reserved,
            Err(error) => return Err(Refused::new(error, map)),
        };
        self.begin(Unfinished::Entries(map.vmarea()));
        self.clear(map.vmarea(), reserved);
        self.begin(Unfinished::Joins);
        self.tree.cut(map.vmarea(), Spot::Tight, |piece| {
            out.extend(Some(piece));
        });
        self.tree.insert(map, Relief::Redistribute);
        self.end();
        Ok(())
    }

    /// Checks `map`, and sets memory aside: nodes for the cut and the map, frames for leaves that are split.
    fn reserve_replace(&mut self, map: &VirtualMemoryMap<T>) -> Result<B::Reserved, MapError> {
        let area = map.vmarea();
        check_map(&self.backend, map.view())?;
        let ((), reserved) = self.reserve(|tree| tree.reserve_replace(area), Edit::Unmap(area))?;
        Ok(reserved)
    }
}
