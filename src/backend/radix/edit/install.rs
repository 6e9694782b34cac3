//! Giving the page table single frames of its own, from many CPUs at once.

use core::sync::atomic::Ordering::Relaxed;

use super::exchange::Lost;
use super::one_page::New;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::backend::check::check_edit;
use crate::backend::page_table::Edit;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::walk::find::{Found, entry};
use crate::backend::radix::walk::table::span;
use crate::backend::run::{Entry, Run};
use crate::error::MapError;
use crate::frame::{FRAME_SIZE, Frame};
use crate::permissions::Access;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// Maps the page at `page` to `frame`, which becomes the page table's own: it is given back when the page is
    /// unmapped, after the flush, and moves along when the page is [shifted](crate::backend::PageTableBackend::shift).
    /// Reserved as [`Edit::Map`] of that page; many CPUs may install at once. O(levels).
    ///
    /// Nothing is flushed, since nothing was valid there.
    ///
    /// # Errors
    /// The frame comes back, and the page is as it was: with what is there, when another CPU was first, or
    /// [`Entry::Busy`], where something waits to be retired; with
    /// [`MapError::OutOfFrames`], when no table was reserved; with [`MapError::ForeignFrame`], when it is another
    /// allocator's; with what [`check_edit`](crate::backend::check_edit) refuses.
    pub fn install(
        &self,
        page: VirtAddr,
        frame: Frame,
        attributes: Attributes,
        with: &mut Reserved,
    ) -> Result<(), Lost> {
        if let Err(error) = self.check_frame(&frame) {
            return Err(Lost::refused(frame, error));
        }
        let run = match self.check_page(page, frame.addr(), attributes) {
            Ok(run) => run,
            Err(error) => return Err(Lost::refused(frame, error)),
        };
        if self.map_owned(&run, with) {
            // The reference is the entry's now.
            let _ = frame.into_addr();
            return Ok(());
        }
        Err(match self.find_entry(page) {
            Entry::Empty => {
                let needed = self.count([Edit::Map(run)].into_iter());
                let needed = needed.unwrap_or_default().max(1);
                Lost::refused(frame, MapError::OutOfFrames { needed })
            }
            found => Lost::raced(frame, found),
        })
    }

    /// Sets the accessed bit of the leaf that holds `addr`, and the dirty bit for a write, as the MMU would: for a
    /// kernel whose MMU faults on a clear bit (RISC-V's Svade; Privileged, 'Virtual Address Translation Process', step
    /// 9). Many CPUs may do so at once. O(levels).
    ///
    /// # Errors
    /// What is there, unchanged, when it is no valid leaf that allows `access`: the fault has another reason. Whether
    /// user mode may use the page is not asked.
    pub fn set_accessed(&self, addr: VirtAddr, access: Access) -> Result<(), Entry> {
        let Found { word, level, .. } = self.find(addr).ok_or(Entry::Empty)?;
        let allows = |word: u64| {
            let permissions = F::attributes(word).permissions;
            matches!(Word::read::<F>(word, level), Word::Leaf(_))
                && word & F::VALID != 0
                && permissions.allow(access)
        };
        let set = word.fetch_update(Relaxed, Relaxed, |word| {
            allows(word).then_some(word | F::used(access))
        });
        match set {
            Ok(_) => {
                self.made_valid(MemoryArea::block(addr, span(level)), New::Leaves);
                Ok(())
            }
            Err(found) => Err(entry::<F>(found, addr, level)),
        }
    }

    /// Whether `frame` can be given back where this page table gives its frames back.
    pub(in crate::backend::radix) fn check_frame(&self, frame: &Frame) -> Result<(), MapError> {
        if frame.allocator() == self.allocator() {
            return Ok(());
        }
        Err(MapError::ForeignFrame { addr: frame.addr() })
    }

    /// The page at `page` as a run, if a frame at `first` can be mapped there so.
    pub(in crate::backend::radix) fn check_page(
        &self,
        page: VirtAddr,
        first: PhysAddr,
        attributes: Attributes,
    ) -> Result<Run, MapError> {
        if !page.is_aligned(FRAME_SIZE) {
            return Err(MapError::Misaligned {
                addr: page,
                align: FRAME_SIZE,
            });
        }
        let run = Run {
            area: MemoryArea::block(page, FRAME_SIZE),
            first,
            attributes,
        };
        check_edit(self, Edit::Map(run)).map(|()| run)
    }
}
