//! The contract of a page table that owns frames, method by method.

use alloc::collections::btree_map::Entry as MapEntry;
use alloc::vec::Vec;

use super::backend::{MockBackend, parts};
use super::page::{self, Page};
use super::reserved::MockReserved;
use super::slot::Slot;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::check::check_edit;
use crate::backend::lost::{Lost, Replaced};
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::paging::{Paging, Unheld, Unshared};
use crate::backend::run::{Entry, Run};
use crate::bytes::Held;
use crate::error::MapError;
use crate::flush::{Flush, Retired};
use crate::frame::{Frame, ShareError};
use crate::permissions::{Access, Permissions};
use crate::platform::Platform;

impl<P: Platform> Paging for MockBackend<P> {
    type Platform = P;

    fn platform(&self) -> &P {
        &self.platform
    }

    /// False: a page is marked when it is touched, or accessed by [`MockBackend::access`].
    fn is_preset(&self) -> bool {
        false
    }

    /// Without a reservation no page is installed: there is never a table for it.
    fn install(
        &self,
        page: VirtAddr,
        frame: Frame,
        attributes: Attributes,
        reserved: &mut MockReserved,
    ) -> Result<(), Lost> {
        let run = match self.check_page(page, &frame, attributes) {
            Ok(run) => run,
            Err(error) => return Err(Lost::refused(frame, error)),
        };
        if self.loses_race() {
            return Err(Lost::raced(frame, Entry::Busy));
        }
        self.made_code(run);
        self.fill(run, frame, reserved)?;
        if attributes.permissions.allow_any() {
            self.made_valid(run.area);
        }
        Ok(())
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
        let start = old.area.start();
        let before = old.attributes.permissions;
        let is_sound = check_edit(self, Edit::Protect(old.area, permissions)).is_ok();
        if !is_sound || !permissions.contains(before) {
            return Err(self.entry(start));
        }
        if self.loses_race() {
            return Err(Entry::Busy);
        }
        if (permissions - before).contains(Permissions::EXECUTE) {
            self.made_code_at(old.first);
        }
        self.allow(old, permissions)?;
        self.made_valid(old.area);
        Ok(())
    }

    fn touch(&self, addr: VirtAddr, access: Access) -> Result<(), Entry> {
        if self.loses_race() {
            return Err(Entry::Busy);
        }
        if self.mark(addr, access)? {
            self.made_valid(MemoryArea::block(addr, page::SIZE));
        }
        Ok(())
    }

    /// The mock does not know which of its CPUs this is: each of them forgets the page.
    fn fence(&self, addr: VirtAddr, asid: Asid) {
        let ranges = [MemoryArea::block(addr, page::SIZE)];
        let stale = Flush::leaves(self.root(), &ranges);
        self.platform.fence(&stale.under(asid).with_tables());
        let mut state = self.state.lock();
        ranges.into_iter().for_each(|page| state.forget(page));
    }

    #[expect(unsafe_code, reason = "the frame is known by the entry that owns it")]
    fn hold(&self, run: Run) -> Result<Held<'_, P>, Unheld> {
        self.check_owned(run).map_err(Unheld::Changed)?;
        if self.loses_race() {
            return Err(Unheld::Changed(Entry::Busy));
        }
        let platform = &self.platform;
        let mut frame = None;
        if platform.counts(run.first) {
            // SAFETY: an entry that owns the frame was read just now, and is looked at again below: unless it owns the
            // frame still, the reference is given back, unused.
            frame = Some(
                unsafe { platform.share(run.first) }.map_err(|error| match error {
                    ShareError::Free => Unheld::Changed(self.entry(run.area.start())),
                    error => Unheld::Share(error),
                })?,
            );
        }
        if let Err(found) = self.check_owned(run) {
            let unused = frame.into_iter();
            unused.for_each(|frame| platform.release(frame, false));
            return Err(Unheld::Changed(found));
        }
        // SAFETY:
        // - the entry owns the frame, which came in a `Frame` with the platform's id: so it begins at `run.first`, was
        //   handed out, and is no table's;
        // - `frame` is a reference to it, made while the entry had another. Without one, the frame is not counted: then
        //   `exchange` refuses it, and nothing else takes it from the entry while `self` is borrowed.
        Ok(unsafe { Held::new(platform, run.first, frame) })
    }

    fn hold_alone(&mut self, run: Run) -> Result<Held<'_, P>, Entry> {
        let Self {
            platform, state, ..
        } = self;
        let number = page::number(run.area.start());
        let state = state.get_mut();
        let found = state.entry(number);
        let slot = state.pages.get(&number);
        let owned = slot.filter(|slot| slot.run(number) == Some(run));
        let held = owned.and_then(|slot| Held::of(platform, slot.owned.as_ref()?));
        held.ok_or(found)
    }

    /// Page by page, each with a reservation of the child's. No [race](MockBackend::lose_race) is lost: nobody else is
    /// here.
    fn share_into(
        &mut self,
        child: &mut Self,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), Unshared> {
        let allowed = permissions - Permissions::WRITE;
        let runs: Vec<_> = self.populated(area).collect();
        for run in runs {
            if let Some(frame) = self.share_owned(run)? {
                let attributes = run.attributes.allowing(allowed);
                let shared = Run { attributes, ..run };
                child.take_shared(shared, frame).map_err(|lost| {
                    let existing = run.area;
                    let error = lost.error().unwrap_or(MapError::Overlap { existing });
                    self.platform.release(lost.into_frame(), false);
                    error
                })?;
            }
        }
        Ok(())
    }

    fn take_accessed(&mut self, area: MemoryArea, out: &mut Retired, mut sink: impl FnMut(Run)) {
        let parts = parts(area);
        parts.for_each(|part| {
            let taken = self.state.get_mut().take_accessed(part, out);
            taken.into_iter().for_each(&mut sink);
        });
    }

    fn take_dirty(&mut self, area: MemoryArea, mut sink: impl FnMut(Run)) {
        let mut rest = Some(area);
        while let Some(run) = rest.and_then(|rest| self.state.get_mut().take_dirty(rest)) {
            sink(run);
            let next = run.area.next();
            rest = next.and_then(|next| MemoryArea::new(next, area.end()).ok());
        }
    }

    fn retire_into(&mut self, retired: Retired, asid: Asid, sink: impl FnMut(VirtAddr, Replaced)) {
        self.settle_into(&retired, asid, sink);
    }
}

impl<P: Platform> MockBackend<P> {
    /// A further reference to the frame of the page of `run`; `None` where that is not owned.
    fn share_owned(&mut self, run: Run) -> Result<Option<Frame>, ShareError> {
        let slot = self
            .state
            .get_mut()
            .pages
            .get(&page::number(run.area.start()));
        let owned = slot.and_then(|slot| slot.owned.as_ref());
        owned
            .map(|frame| self.platform.share_frame(frame))
            .transpose()
    }

    /// Maps the page of `run` to a frame that another mock has, too.
    fn take_shared(&mut self, run: Run, frame: Frame) -> Result<(), Lost> {
        if let Err(error) = self.check_page(run.area.start(), &frame, run.attributes) {
            return Err(Lost::refused(frame, error));
        }
        let reserved = match self.reserve(core::iter::once(Edit::Map(run))) {
            Ok(reserved) => reserved,
            Err(error) => return Err(Lost::refused(frame, error)),
        };
        let filled = self.fill(run, frame, &reserved);
        self.unreserve(reserved);
        if filled.is_ok() && run.attributes.permissions.allow_any() {
            self.made_valid(run.area);
        }
        filled
    }

    /// The page at `page` as a run, if `frame` can be mapped there with these attributes, and given back.
    ///
    /// # Errors
    /// [`MapError::ForeignFrame`], [`MapError::Misaligned`], and the errors of [`check_edit`].
    pub(super) fn check_page(
        &self,
        page: VirtAddr,
        frame: &Frame,
        attributes: Attributes,
    ) -> Result<Run, MapError> {
        let first = frame.addr();
        if frame.allocator() != self.platform.id() {
            return Err(MapError::ForeignFrame { addr: first });
        }
        if !page.is_aligned(page::SIZE) {
            return Err(MapError::Misaligned {
                addr: page,
                align: page::SIZE,
            });
        }
        let run = Run {
            area: MemoryArea::block(page, page::SIZE),
            first,
            attributes,
        };
        check_edit(self, Edit::Map(run)).map(|()| run)
    }

    /// Gives the page of `run` the frame, if it is empty.
    fn fill(&self, run: Run, frame: Frame, reserved: &MockReserved) -> Result<(), Lost> {
        let number = page::number(run.area.start());
        match self.state.lock().pages.entry(number) {
            MapEntry::Occupied(slot) => Err(Lost::raced(frame, slot.get().entry(number))),
            MapEntry::Vacant(_) if !reserved.is_held() => {
                Err(Lost::refused(frame, MapError::OutOfFrames { needed: 1 }))
            }
            MapEntry::Vacant(place) => {
                place.insert(Slot::new(Page::of(run), Some(frame)));
                Ok(())
            }
        }
    }

    /// Lets the page of `old` allow so much, if it is `old`.
    fn allow(&self, old: Run, permissions: Permissions) -> Result<(), Entry> {
        let number = page::number(old.area.start());
        let mut state = self.state.lock();
        let found = state.entry(number);
        let slot = state.pages.get_mut(&number);
        let slot = slot.filter(|slot| slot.run(number) == Some(old));
        slot.ok_or(found)?.page.attributes.permissions = permissions;
        Ok(())
    }

    /// Marks an access that the page allows; whether it was not marked before.
    fn mark(&self, addr: VirtAddr, access: Access) -> Result<bool, Entry> {
        let number = page::number(addr);
        let mut state = self.state.lock();
        let found = state.entry(number);
        let slot = state.pages.get_mut(&number).filter(|slot| {
            let permissions = slot.page.attributes.permissions;
            slot.is_valid() && permissions.allow(access)
        });
        Ok(slot.ok_or(found)?.used.mark(access))
    }

    /// Whether the page of `run` is `run`, and owns its frame.
    ///
    /// # Errors
    /// The entry that is there.
    fn check_owned(&self, run: Run) -> Result<(), Entry> {
        let number = page::number(run.area.start());
        let state = self.state.lock();
        let slot = state.pages.get(&number);
        let is_owned =
            slot.is_some_and(|slot| slot.run(number) == Some(run) && slot.owned.is_some());
        is_owned.then_some(()).ok_or_else(|| state.entry(number))
    }
}
