//! Giving the page table single frames of its own, from many CPUs at once.

use crate::addr::VirtAddr;
use crate::attributes::Attributes;
use crate::backend::lost::Lost;
use crate::backend::page_table::Edit;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::run::Entry;
use crate::error::MapError;
use crate::frame::Frame;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// As [`Paging::install`](crate::backend::Paging::install), behind [`install_one_page`](Self::install_one_page).
    #[inline(never)]
    pub(in crate::backend::radix) fn install_frame(
        &self,
        page: VirtAddr,
        frame: Frame,
        attributes: Attributes,
        reserved: &mut Reserved,
    ) -> Result<(), Lost> {
        if let Err(error) = self.check_frame(&frame) {
            return Err(Lost::refused(frame, error));
        }
        let run = match self.check_page(page, frame.addr(), attributes) {
            Ok(run) => run,
            Err(error) => return Err(Lost::refused(frame, error)),
        };
        if self.map_shared(&run, F::OWNED, reserved) {
            // The reference is the entry's now.
            let _ = frame.into_addr();
            return Ok(());
        }
        Err(match self.find_entry(page) {
            Entry::Empty => {
                let needed = self.cost([Edit::Map(run)].into_iter());
                let needed = needed.unwrap_or_default().max(1);
                Lost::refused(frame, MapError::OutOfFrames { needed })
            }
            found => Lost::raced(frame, found),
        })
    }
}
