//! Writing shared memory back.

use super::space::VirtualMemoryManager;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::{Paging, check_area};
use crate::error::MapError;
use crate::flush::Retired;
use crate::map::{Backing, MapRef, Payload};
use crate::permissions::Permissions;
use crate::tree::Tree;

/// A page of shared memory that was written, and is clean now.
#[derive(Debug)]
#[non_exhaustive]
pub struct Cleaned<'a, T> {
    /// The map. Its payload names the kernel's object.
    pub map: MapRef<'a, T>,
    /// The page.
    pub page: MemoryArea,
    /// Where in the object the page begins, in bytes.
    pub offset: u64,
    /// Where its frame is. It stays mapped.
    pub at: PhysAddr,
}

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// Makes the dirty pages of shared [provided](Backing::Provided) memory in `area` clean, as `msync` begins: they
    /// cannot be written any more, and `sink` is told of each after the flush. The next write faults, and marks its
    /// page anew.
    ///
    /// Other memory and holes are passed over; neither is any page of another space cleaned. Flushes once, unless no
    /// page could be written. O(log n + maps touched + resident).
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::provided(area, 0x5000, rw, true)?)?;
    /// let fault = space.handle_fault(VirtAddr::new(0x2345), Access::Write, Privilege::User)?;
    /// # let Answer::NeedsFrame { ticket, .. } = fault else { panic!() };
    /// # assert!(space.supply(ticket, frames.alloc().ok_or("out of frames")?).is_ok());
    /// // … and the page is supplied
    /// let mut offsets = Vec::new();
    /// space.clean(area, |page| offsets.push(page.offset))?;
    /// assert_eq!(offsets, [0x6000]);
    /// let again = space.handle_fault(VirtAddr::new(0x2345), Access::Write, Privilege::User)?;
    /// assert!(matches!(again, Answer::Resolved { done: Done::Dirtied, .. }));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Nothing has changed then, and `sink` was not called:
    /// - [`MapError::Misaligned`], [`MapError::MisalignedSize`]: the area is not whole pages;
    /// - [`MapError::OutOfRange`]: the backend cannot map all of it.
    ///
    /// Should `sink` panic, pages that it was not told of are dirty as before, and the next `clean` tells of them.
    pub fn clean(
        &mut self,
        area: MemoryArea,
        mut sink: impl FnMut(Cleaned<'_, T>),
    ) -> Result<(), MapError> {
        self.recover();
        check_area(&self.backend, area)?;
        let (mut none, mut out) = (B::Reserved::default(), Retired::new());
        for (map, part) in supplied(&self.tree, area) {
            let kept = map.permissions() - Permissions::WRITE;
            self.backend.protect(part, kept, &mut none, &mut out);
        }
        self.finish(none, out);
        let Self { backend, tree, .. } = self;
        for (map, part) in supplied(tree, area) {
            backend.take_dirty(part, |run| {
                sink(Cleaned {
                    map,
                    page: run.area,
                    offset: map.offset_of(run.area.start()).unwrap_or_default(),
                    at: run.first,
                });
            });
        }
        Ok(())
    }
}

/// The maps of shared provided memory in `area`, each with its part in there. Their pages are single leaves, so no edit
/// of a part splits any.
pub(super) fn supplied<T>(
    tree: &Tree<T>,
    area: MemoryArea,
) -> impl Iterator<Item = (MapRef<'_, T>, MemoryArea)> {
    let maps = tree.iter_from(area.start());
    let parts = maps.map_while(move |map| Some((map, map.vmarea().intersection(area)?)));
    parts.filter(|(map, _)| map.backing() == Backing::Provided && map.is_shared())
}
