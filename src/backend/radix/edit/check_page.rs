//! Checks of a single page and its frame, before either changes hands.

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::backend::check::check_edit;
use crate::backend::page_table::Edit;
use crate::backend::radix::edit::one_page::is_plain;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::memory::Radix;
use crate::backend::run::Run;
use crate::error::MapError;
use crate::frame::{FRAME_SIZE, Frame};
use crate::permissions::Permissions;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// Whether `frame` can be given back where this page table gives its frames back.
    ///
    /// # Errors
    /// [`MapError::ForeignFrame`].
    pub(super) fn check_frame(&self, frame: &Frame) -> Result<(), MapError> {
        if frame.allocator() == self.allocator() {
            return Ok(());
        }
        Err(MapError::ForeignFrame { addr: frame.addr() })
    }

    /// The page at `page` as a run, if a frame at `first` can be mapped there with these attributes.
    ///
    /// # Errors
    /// [`MapError::Misaligned`], and the errors of [`check_edit`].
    pub(super) fn check_page(
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
        if is_plain(&run, self.beyond(), Permissions::all()) && self.ranges.contains(page) {
            return Ok(run);
        }
        check_edit(self, Edit::Map(run)).map(|()| run)
    }
}
