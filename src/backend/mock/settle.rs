//! Flushes, the frames that wait for them, and the calls to the platform's hooks.

use super::backend::MockBackend;
use super::maybe_platform::MaybePlatform;
use super::page;
use super::slot::Slot;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::backend::lost::Replaced;
use crate::backend::page_table::PageTableBackend;
use crate::backend::run::Run;
use crate::flush::{Flush, Retired, Tlb};
use crate::frame::FrameAllocator;
use crate::permissions::Permissions;

impl<P: MaybePlatform> MockBackend<P> {
    /// As [`PageTableBackend::retire`]. Whatever a hook that panics leaves is left to the next call.
    pub(super) fn settle_told(&mut self, retired: &Retired, asid: Asid) {
        self.flush_retired(retired, asid);
        while let Some((_, replaced)) = self.state.get_mut().reap() {
            self.release(replaced);
        }
        self.state.get_mut().is_torn = false;
    }

    /// As [`Paging::retire_into`](crate::backend::Paging::retire_into).
    pub(super) fn settle_into(
        &mut self,
        retired: &Retired,
        asid: Asid,
        mut sink: impl FnMut(VirtAddr, Replaced),
    ) {
        let state = self.state.get_mut();
        if state.is_torn || state.told != *retired {
            // Whose frames wait is not known: they are the platform's.
            return self.settle_told(retired, asid);
        }
        self.flush_retired(retired, asid);
        while let Some((number, replaced)) = self.state.get_mut().reap() {
            sink(page::area(number).start(), replaced);
        }
        self.state.get_mut().is_torn = false;
    }

    /// As [`PageTableBackend::settle`]. All that waits is owed until the last frame is back. After a panic before,
    /// everything stays owed to who has the mock to himself.
    pub(super) fn settle_shared(&self, retired: &Retired, asid: Asid) {
        let state = self.state.lock();
        let is_told = state.told == *retired;
        let is_all = state.is_torn || (!is_told && state.waits());
        drop(state);
        if is_all {
            self.flush(&Flush::everything(self.root()));
        } else if retired.needs_flush() {
            self.flush(&retired.flush_under(self.root(), is_told.then_some(asid)));
        }
        while let Some(replaced) = self.reap_one() {
            self.release(replaced);
        }
        if is_all || is_told {
            self.state.lock().told = Retired::new();
        }
    }

    /// Takes out the first owned page that waits. The lock is not held any more when its frame is given back.
    fn reap_one(&self) -> Option<Replaced> {
        self.state.lock().reap().map(|(_, replaced)| replaced)
    }

    /// Flushes what `retired` tells, or everything where frames wait and it does not tell all. The mock counts as torn
    /// from here on.
    fn flush_retired(&mut self, retired: &Retired, asid: Asid) {
        let root = self.root();
        let state = self.state.get_mut();
        let is_told = state.told == *retired;
        let is_torn = core::mem::replace(&mut state.is_torn, true);
        let is_all = is_torn || (!is_told && state.waits());
        if is_all {
            self.flush(&Flush::everything(root));
        } else if retired.needs_flush() {
            self.flush(&retired.flush_under(root, is_told.then_some(asid)));
        }
        if is_all || is_told {
            self.state.get_mut().told = Retired::new();
        }
    }

    /// Makes every CPU forget what `flush` names, and waits: the platform's, then the mock's own.
    pub(super) fn flush(&self, flush: &Flush<'_>) {
        if let Some(platform) = self.platform.get() {
            platform.flush(flush);
        }
        self.state.lock().flush(flush);
    }

    /// Gives a frame back.
    fn release(&self, Replaced { frame, dirty }: Replaced) {
        if let Some(platform) = self.platform.get() {
            platform.release(frame, dirty);
        }
    }

    /// Tells the platform that there are valid pages in `area` now, or that they allow more. The ASID is not known.
    pub(super) fn made_valid(&self, area: MemoryArea) {
        if let Some(platform) = self.platform.get() {
            platform.made_valid(&Flush::leaves(self.root(), &[area]));
        }
    }

    /// Tells the platform that the frames of `run` are about to become executable, if they are.
    pub(super) fn made_code(&self, run: Run) {
        let is_code = run.attributes.permissions.contains(Permissions::EXECUTE);
        let frames = run.pmarea().filter(|_| is_code);
        if let (Some(platform), Some(frames)) = (self.platform.get(), frames) {
            platform.made_code(frames);
        }
    }

    /// Tells the platform that the frame at `first` is about to become executable.
    pub(super) fn made_code_at(&self, first: PhysAddr) {
        let frame = MemoryArea::from_start_size(first, page::SIZE);
        if let (Some(platform), Ok(frame)) = (self.platform.get(), frame) {
            platform.made_code(frame);
        }
    }
}

impl<P: MaybePlatform> Drop for MockBackend<P> {
    /// Flushes everything, unless nothing was there, and gives every frame back.
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let pages = core::mem::take(&mut state.pages);
        if state.is_torn || state.told.needs_flush() || !pages.is_empty() {
            self.flush(&Flush::everything(self.root()));
        }
        let owned = pages.into_values().filter_map(Slot::into_replaced);
        owned.for_each(|replaced| self.release(replaced));
    }
}
