//! Taking pages of shared memory back.

use super::clean::supplied;
use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::area::MemoryArea;
use crate::backend::{Paging, Replaced, check_area};
use crate::error::MapError;
use crate::flush::Retired;
use crate::frame::Frame;
use crate::map::{MapRef, Payload};

/// A page of shared memory that has left a space.
#[derive(Debug)]
#[non_exhaustive]
pub struct Evicted<'a, T> {
    /// The map. Its payload names the kernel's object.
    pub map: MapRef<'a, T>,
    /// The page.
    pub page: MemoryArea,
    /// Where in the object the page begins, in bytes.
    pub offset: u64,
    /// The space's reference to its frame: the kernel's now, to be released some day.
    pub frame: Frame,
    /// Whether the page may have been written through this space since it came or was last [cleaned].
    ///
    /// [cleaned]: VirtualMemoryManager::clean
    pub dirty: bool,
}

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// Takes the resident pages of shared [provided](crate::Backing::Provided) memory in `area` out, and hands their
    /// frames to `sink` after the flush, when this space reaches them no more. The maps stay: the next touch asks for
    /// the page again, and tickets of before are stale.
    ///
    /// Other memory and holes are passed over: a private page has bytes that nobody else knows. Flushes once, unless no
    /// entry was valid. O(log n + maps touched + resident).
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
    /// let mut out = Vec::new();
    /// space.evict(area, |page| out.push((page.offset, page.dirty, page.frame)))?;
    /// assert_eq!((out[0].0, out[0].1), (0x6000, true));
    /// assert_eq!(space.resident(area).count(), 0);
    /// # out.into_iter().for_each(|(.., frame)| frames.release(frame, false));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Nothing has changed then, and `sink` was not called:
    /// - [`MapError::Misaligned`], [`MapError::MisalignedSize`]: the area is not whole pages;
    /// - [`MapError::OutOfRange`]: the backend cannot map all of it.
    ///
    /// Should `sink` panic, the frames that it was not given go to the platform with the next verb.
    pub fn evict(
        &mut self,
        area: MemoryArea,
        mut sink: impl FnMut(Evicted<'_, T>),
    ) -> Result<(), MapError> {
        self.recover();
        check_area(&self.backend, area)?;
        // Frames that a hook's panic has left waiting are not these pages'.
        self.backend.retire(Retired::new(), self.asid);
        // Whatever a panic leaves, the other pages in there keep their data.
        self.begin(Unfinished::Permissions(area));
        let (mut none, mut out) = (B::Reserved::default(), Retired::new());
        for (_, part) in supplied(&self.tree, area) {
            self.backend.unmap(part, &mut none, &mut out);
        }
        self.epoch = self.epoch.wrapping_add(1);
        self.backend.unreserve(none);
        let hint = self.hints.of(self.backend.cpu());
        let Self {
            backend,
            tree,
            asid,
            ..
        } = self;
        backend.retire_into(out, *asid, |start, Replaced { frame, dirty }| {
            // Only pages of such maps were taken out, so there is one.
            if let Some(map) = tree.find(start, || hint) {
                sink(Evicted {
                    map,
                    page: MemoryArea::block(start, B::PAGE_SIZE),
                    offset: map.offset_of(start).unwrap_or_default(),
                    frame,
                    dirty,
                });
            }
        });
        self.end();
        Ok(())
    }
}
