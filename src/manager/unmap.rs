//! Removing whatever is mapped in an area.

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, check_area};
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};

/// Where pieces go that nobody asked for.
pub(super) struct Discard;

impl<M> Extend<M> for Discard {
    fn extend<I: IntoIterator<Item = M>>(&mut self, pieces: I) {
        pieces.into_iter().for_each(drop);
    }
}

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Removes whatever is mapped in `area`, as `munmap` does: any part of any number of maps, and holes. The pieces
    /// that are cut out are dropped; maps at the borders are split. Clears the page table and flushes once, unless no
    /// entry was valid and no table went. O(log n + maps touched + tables touched).
    ///
    /// # Errors
    /// Nothing has changed then: [`MapError::Misaligned`], [`MapError::MisalignedSize`], [`MapError::OutOfRange`];
    /// [`MapError::OutOfNodes`]; [`MapError::OutOfFrames`] when a superpage at a border cannot be split.
    pub fn unmap(&mut self, area: MemoryArea) -> Result<(), MapError> {
        self.unmap_into(area, &mut Discard)
    }

    /// As [`unmap`](Self::unmap), and hands the pieces that are cut out to `out`, in address order, when nobody
    /// reaches their memory any more. So a payload can be dropped outside the kernel's lock.
    ///
    /// # Errors
    /// As [`unmap`](Self::unmap); `out` is untouched then.
    pub fn unmap_into(
        &mut self,
        area: MemoryArea,
        out: &mut impl Extend<VirtualMemoryMap<T>>,
    ) -> Result<(), MapError> {
        self.recover();
        check_area(&self.backend, area)?;
        let (spot, reserved) = self.reserve(|tree| tree.reserve_cut(area), Edit::Unmap(area))?;
        self.begin(Unfinished::Joins);
        self.clear(area, reserved);
        self.tree.cut(area, spot, |piece| out.extend(Some(piece)));
        self.end();
        Ok(())
    }
}
