//! Which pages are used.

use super::space::VirtualMemoryManager;
use crate::area::MemoryArea;
use crate::backend::{Paging, check_area};
use crate::error::MapError;
use crate::flush::Retired;
use crate::map::{MapRef, Payload};

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// Tells `sink` of all resident memory in `area` that was used since the last harvest, with its map. It counts as
    /// unused from then on. So this is the hand of a clock that looks for pages to [`evict`](Self::evict). Whether a
    /// page was written stays known.
    ///
    /// It sees no more than the MMU marks: with [`AccessedDirty::Preset`] all resident memory counts as used, always.
    /// A large leaf counts as a whole, and is named as far as it lies in `area`. Flushes once, unless nothing was used.
    /// O(log n + resident).
    ///
    /// [`AccessedDirty::Preset`]: crate::backend::radix::AccessedDirty::Preset
    ///
    /// ```
    /// # use kernel_vm::backend::{mock::HostFrames, radix::{AccessedDirty, Features}, sv39::Sv39};
    /// # use kernel_vm::*;
    /// # let frames = HostFrames::new(16);
    /// let svadu = Features::new().with_accessed_dirty(AccessedDirty::Hardware);
    /// let mut space = VirtualMemoryManager::new(Sv39::with_features(frames.clone(), svadu)?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// space.prefault(area)?;
    /// let mut used = 0;
    /// space.harvest(area, |_, pages| used += pages.size())?;
    /// assert_eq!(used, 0x3000);
    /// space.write(VirtAddr::new(0x2000), b"again", Privilege::User)?;
    /// space.harvest(area, |_, pages| assert_eq!(pages.start(), VirtAddr::new(0x2000)))?;
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Nothing has changed then, and `sink` was not called:
    /// - [`MapError::Misaligned`], [`MapError::MisalignedSize`]: the area is not whole pages;
    /// - [`MapError::OutOfRange`]: the backend cannot map all of it.
    pub fn harvest(
        &mut self,
        area: MemoryArea,
        mut sink: impl FnMut(MapRef<'_, T>, MemoryArea),
    ) -> Result<(), MapError> {
        self.recover();
        check_area(&self.backend, area)?;
        let mut out = Retired::new();
        let hint = self.hints.of(self.backend.cpu());
        let Self { backend, tree, .. } = self;
        backend.take_accessed(area, &mut out, |run| {
            // No leaf is anywhere else than in a map.
            if let Some(map) = tree.find(run.area.start(), || hint) {
                sink(map, run.area);
            }
        });
        self.backend.retire(out, self.asid);
        Ok(())
    }
}
