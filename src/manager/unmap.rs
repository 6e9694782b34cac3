//! Removing whatever is mapped in an area.
//!
//! The shortest of the verbs: it shows the order of all. Check, reserve, clear the page table, flush, cut the tree.

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, check_area};
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};

/// A collection that drops the pieces it is handed: for verbs whose caller does not ask for them.
pub(super) struct Discard;

impl<M> Extend<M> for Discard {
    fn extend<I: IntoIterator<Item = M>>(&mut self, pieces: I) {
        pieces.into_iter().for_each(drop);
    }
}

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Removes whatever is mapped in `area`, as `munmap` does: any part of any number of maps, and holes.
    ///
    /// The pieces that are cut out are dropped; maps at the borders are split. Clears the page table and flushes once,
    /// unless no entry was valid and no table went. O(log n + maps touched + tables touched).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// space.populate(area)?;
    /// assert!(space.backend().access(0, area.start(), Access::Read).is_ok());
    /// space.unmap(area)?;
    /// assert!(space.backend().access(0, area.start(), Access::Read).is_err());
    /// assert_eq!(space.memory_maps().len(), 0);
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// Nothing has changed then:
    /// - [`MapError::Misaligned`], [`MapError::MisalignedSize`]: the area is not whole pages;
    /// - [`MapError::OutOfRange`]: the backend cannot map all of it;
    /// - [`MapError::OutOfNodes`], when a hole is cut into a map;
    /// - [`MapError::OutOfFrames`], when a superpage at a border cannot be split.
    pub fn unmap(&mut self, area: MemoryArea) -> Result<(), MapError> {
        self.unmap_into(area, &mut Discard)
    }

    /// Removes maps as [`unmap`](Self::unmap) does, and hands the pieces that are cut out to `out`.
    ///
    /// They come in address order, when nobody reaches their memory any more: a payload can so be dropped outside the
    /// kernel's lock. O(log n + maps touched + tables touched).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let page = MemoryArea::from_start_size(VirtAddr::new(0x2000), 0x1000)?;
    /// let mut out = Vec::new();
    /// space.unmap_into(page, &mut out)?;
    /// assert_eq!(out[0].vmarea(), page);
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`unmap`](Self::unmap): nothing has changed, and `out` is untouched.
    pub fn unmap_into(
        &mut self,
        area: MemoryArea,
        out: &mut impl Extend<VirtualMemoryMap<T>>,
    ) -> Result<(), MapError> {
        self.recover();
        check_area(&self.backend, area)?;
        let (spot, reserved) = self.reserve(|tree| tree.reserve_cut(area), Edit::Unmap(area))?;
        self.begin(Unfinished::Entries(area));
        self.clear(area, reserved);
        self.begin(Unfinished::Joins);
        self.tree.cut(area, spot, |piece| out.extend(Some(piece)));
        self.end();
        Ok(())
    }
}
