//! The contract of a page table that owns frames, method by method.

use super::entry::features::AccessedDirty;
use super::entry::format::Format;
use super::entry::transition::hold::{NotHeld, hold};
use super::entry::word::is_run;
use super::memory::Radix;
use super::reservation::reserved::Reserved;
use super::walk::find::{Found, entry};
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::lost::{Lost, Replaced};
use crate::backend::paging::{NotAtOnce, Paging, Unheld, Unshared};
use crate::backend::run::{Entry, Run};
use crate::bytes::Held;
use crate::flush::{Flush, Retired};
use crate::frame::{FRAME_SIZE, Frame};
use crate::permissions::{Access, Permissions};
use crate::platform::Platform;

impl<F: Format, P: Platform> Paging for Radix<F, P> {
    type Platform = P;

    fn platform(&self) -> &P {
        self.platform()
    }

    #[inline]
    fn is_preset(&self) -> bool {
        self.features().accessed_dirty == AccessedDirty::Preset
    }

    #[inline]
    fn install(
        &self,
        page: VirtAddr,
        frame: Frame,
        attributes: Attributes,
        reserved: &mut Reserved,
    ) -> Result<(), Lost> {
        if self.install_one_page(page, &frame, attributes) {
            // The reference is the entry's now.
            let _ = frame.into_addr();
            return Ok(());
        }
        self.install_frame(page, frame, attributes, reserved)
    }

    #[inline]
    fn install_at_once(
        &self,
        page: VirtAddr,
        attributes: Attributes,
        frame: impl FnOnce() -> Option<Frame>,
    ) -> Result<(), NotAtOnce> {
        self.install_new_page(page, attributes, frame)
    }

    fn map_at_once(&self, run: Run) -> bool {
        self.map_in_one_table(&run)
    }

    fn exchange(
        &self,
        old: Run,
        frame: Frame,
        attributes: Attributes,
        asid: Asid,
    ) -> Result<Option<Replaced>, Lost> {
        self.exchange_frame(old, frame, attributes, asid)
    }

    fn permit(&self, old: Run, permissions: Permissions) -> Result<(), Entry> {
        self.permit_leaf(old, permissions)
    }

    fn touch(&self, addr: VirtAddr, access: Access) -> Result<(), Entry> {
        self.touch_leaf(addr, access)
    }

    fn fence(&self, addr: VirtAddr, asid: Asid) {
        let ranges = [MemoryArea::block(addr, FRAME_SIZE)];
        let stale = Flush::leaves(self.root_addr(), &ranges)
            .under(asid)
            .with_tables();
        self.platform().fence(&self.in_all_spaces(stale));
    }

    #[expect(unsafe_code, reason = "the frame is known by the leaf that owns it")]
    fn hold(&self, run: Run) -> Result<Held<'_, P>, Unheld> {
        let page = run.area.start();
        let found = self.find(page).filter(|found| found.level == 0);
        let Found { word, .. } = found.ok_or_else(|| Unheld::Changed(self.find_entry(page)))?;
        let platform = self.platform();
        let share = || {
            if !platform.counts(run.first) {
                return Ok(None);
            }
            // SAFETY: should the frame have been given back and be a table's by now, then the word has changed, and the
            // reference is given back by `hold`, unused.
            unsafe { platform.share(run.first) }.map(Some)
        };
        let release = |frame| platform.release(frame, false);
        match hold::<F, _>(word, run, share, release) {
            // SAFETY:
            // - where `frame` is a reference to it, it stays handed out as long as the answer has that. The leaf owned
            //   it after the reference was there. Since then it was not given back, and no table's frame is ever owned
            //   by a leaf;
            // - else the leaf has the one reference to the frame, which the platform has handed out, and is no table's:
            //   it came in a `Frame`. `self` is borrowed as long as the answer lives, so the leaf is not unmapped, and
            //   `exchange` refuses it, as its frame is not counted.
            Ok(frame) => Ok(unsafe { Held::new(platform, run.first, frame) }),
            Err(NotHeld::Changed(word)) => Err(Unheld::Changed(entry::<F>(word, page, 0))),
            Err(NotHeld::Unshared(error)) => Err(Unheld::Share(error)),
        }
    }

    #[expect(unsafe_code, reason = "the frame is known by the leaf that owns it")]
    fn hold_alone(&mut self, run: Run) -> Result<Held<'_, P>, Entry> {
        let page = run.area.start();
        let found = self.find(page).filter(|found| found.level == 0);
        let value = found.ok_or_else(|| self.find_entry(page))?.value;
        if !is_run::<F>(value, run) || value & F::OWNED == 0 {
            return Err(entry::<F>(value, page, 0));
        }
        // SAFETY:
        // - the leaf has a reference to the frame, which the platform has handed out, and is no table's: it came in a
        //   `Frame`, or was shared with a leaf that had it so;
        // - `self` is borrowed alone as long as the answer lives, so the leaf stays as it is.
        Ok(unsafe { Held::new(self.platform(), run.first, None) })
    }

    fn share_into(
        &mut self,
        child: &mut Self,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), Unshared> {
        self.share_area(child, area, permissions)
    }

    fn take_accessed(&mut self, area: MemoryArea, out: &mut Retired, sink: impl FnMut(Run)) {
        let mut sink = sink;
        self.change(out, |table, out| {
            table.take_accessed_of(area, out, &mut sink);
        });
    }

    fn take_dirty(&mut self, area: MemoryArea, sink: impl FnMut(Run)) {
        self.take_dirty_of(area, sink);
    }

    fn retire_into(&mut self, retired: Retired, asid: Asid, sink: impl FnMut(VirtAddr, Replaced)) {
        self.settle_into(retired, asid, sink);
    }
}
