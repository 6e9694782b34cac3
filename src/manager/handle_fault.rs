//! Page faults.

use super::space::VirtualMemoryManager;
use super::steps::run;
use super::supply::Ticket;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::backend::{Edit, Entry, Lost, NotAtOnce, Paging, Run, Unheld};
use crate::bytes::alloc_zeroed;
use crate::error::MapError;
use crate::fault::{Done, FaultError, Privilege, Step, decide, is_allowed};
use crate::frame::{Frame, FrameAllocator};
use crate::map::{Backing, MapRef, Payload};
use crate::permissions::Access;

/// What has become of a page fault.
#[derive(Debug)]
#[must_use = "a page that is wanted must be supplied"]
pub enum Answer<'a, T> {
    /// The page table allows the access now: go back to the program.
    Resolved {
        /// The page.
        page: MemoryArea,
        /// What was done.
        done: Done,
    },
    /// The page table allowed the access already, or another CPU is at this page: go back to the program. This CPU had
    /// cached less, and has forgotten that.
    ///
    /// The other CPU may be in a flush that waits for this one: a loop that tries again with interrupts off must serve
    /// shootdowns.
    Spurious {
        /// The page.
        page: MemoryArea,
    },
    /// The kernel is to supply the page, by [`VirtualMemoryManager::supply`], and then to go back to the program.
    NeedsFrame {
        /// What `supply` is to be given.
        ticket: Ticket,
        /// The map that holds the page. Its payload names the kernel's object.
        map: MapRef<'a, T>,
        /// Where in that object the page begins, in bytes.
        offset: u64,
    },
}

/// What stands in for an error where another CPU was first: nothing is wrong.
enum Unresolved {
    Raced,
    Refused(FaultError),
}

impl From<FaultError> for Unresolved {
    fn from(error: FaultError) -> Self {
        Self::Refused(error)
    }
}

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// Resolves a page fault: an access at `vaddr` by whoever has this privilege has faulted on this CPU. Many CPUs may
    /// do so at once.
    ///
    /// Physical memory is mapped, with its neighbours as far as [`set_fault_around`](Self::set_fault_around) says.
    /// Anonymous memory gets a page of zeroes. A page that is written for the first time since it was shared is copied,
    /// or reused if nobody else has it any more. For provided memory the answer asks for the page.
    ///
    /// O(log n), one walk, and O(page) where a page is cleared or copied; one flush where a page is copied. Where
    /// something waits for the flush of a deferred verb, that is [settled](Self::settle) first.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// let answer = space.handle_fault(area.start(), Access::Write, Privilege::User)?;
    /// assert!(matches!(answer, Answer::Resolved { done: Done::Zeroed, .. }));
    /// let stray = space.handle_fault(VirtAddr::new(0x9000), Access::Read, Privilege::User);
    /// assert!(matches!(stray, Err(FaultError::NotMapped { .. })));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The page is as it was:
    /// - [`FaultError::NotMapped`], [`FaultError::Denied`]: the access is the program's mistake;
    /// - [`FaultError::OutOfFrames`]: all frames are given back, and the fault may succeed later, above all behind
    ///   [`settle`](Self::settle), where deferred verbs have left frames;
    /// - [`FaultError::Share`]: the frame has as many owners as can be counted;
    /// - [`FaultError::Map`], with [`MapError::Unfinished`], where a verb has panicked.
    #[inline]
    pub fn handle_fault(
        &self,
        vaddr: VirtAddr,
        access: Access,
        privilege: Privilege,
    ) -> Result<Answer<'_, T>, FaultError> {
        let map = self.allowing(vaddr, access, privilege)?;
        let page = MemoryArea::block(vaddr, B::PAGE_SIZE);
        match self.zero_at_once(map, page) {
            Ok(()) => {
                self.mark_used(vaddr, access);
                let done = Done::Zeroed;
                Ok(Answer::Resolved { page, done })
            }
            Err(NotAtOnce::Found(Entry::Leaf(run))) if run.attributes.permissions.allow(access) => {
                Ok(self.look(page, vaddr, access))
            }
            Err(missed) => self.resolve(map, page, vaddr, access, missed),
        }
    }

    /// Resolves the fault where more is to be done than to clear a page. Apart, so that the common faults are short.
    #[inline(never)]
    fn resolve<'a>(
        &'a self,
        map: MapRef<'a, T>,
        page: MemoryArea,
        vaddr: VirtAddr,
        access: Access,
        missed: NotAtOnce,
    ) -> Result<Answer<'a, T>, FaultError> {
        let found = match missed {
            NotAtOnce::Found(entry) => Ok(entry),
            NotAtOnce::Elsewise => Ok(self.backend.entry(page.start())),
            NotAtOnce::OutOfFrames => Err(FaultError::OutOfFrames { needed: 1 }.into()),
            NotAtOnce::Lost(lost) => Err(self.give_back(lost)),
        };
        let found = found.and_then(|entry| self.settle_at(page, entry).ok_or(Unresolved::Raced));
        let done = found.and_then(|entry| match decide(map, entry, access) {
            Step::Ask => Ok(None),
            Step::Look => Err(Unresolved::Raced),
            Step::Map => self.map_around(map, page).map(Some),
            Step::Zero => self.map_zeroes(page, map.attributes()).map(Some),
            Step::Permit(run, permissions, done) => {
                let permitted = self.backend.permit(run, permissions);
                permitted
                    .map(|()| Some(done))
                    .map_err(|_| Unresolved::Raced)
            }
            Step::Own(run) => self.own(run, map.attributes()).map(Some),
        });
        match done {
            Ok(None) => Ok(self.ask(map, page, access)),
            Ok(Some(done)) => {
                self.mark_used(vaddr, access);
                Ok(Answer::Resolved { page, done })
            }
            Err(Unresolved::Refused(error)) => Err(error),
            Err(Unresolved::Raced) => Ok(self.look(page, vaddr, access)),
        }
    }

    /// Lets this CPU look at the page's entry anew.
    #[inline]
    fn look<'a>(&self, page: MemoryArea, vaddr: VirtAddr, access: Access) -> Answer<'a, T> {
        self.mark_used(vaddr, access);
        self.backend.fence(vaddr, self.asid());
        Answer::Spurious { page }
    }

    /// Sets accessed and dirty bits, for an MMU that faults on a clear one. Where another CPU has changed the page
    /// already, that CPU sets them.
    #[inline]
    pub(super) fn mark_used(&self, vaddr: VirtAddr, access: Access) {
        if !self.backend.is_preset() {
            let _ = self.backend.touch(vaddr, access);
        }
    }

    /// Sets how many bytes of a map one fault brings, of physical memory and by [`supply_around`](Self::supply_around),
    /// around the page and as far as the map goes. O(1).
    ///
    /// A page at first, and at least. A number that is no power of two means a page. All that comes counts as used, so
    /// none of it faults again on an MMU that leaves accessed bits to software.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(16);
    /// # let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.set_fault_around(0x1_0000);
    /// space.add_memory_map(VirtualMemoryMap::identity(area, rw)?)?;
    /// let answer = space.handle_fault(area.start(), Access::Read, Privilege::User)?;
    /// assert!(matches!(answer, Answer::Resolved { done: Done::Mapped, .. }));
    /// assert_eq!(space.resident(area).count(), 3);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub const fn set_fault_around(&mut self, bytes: usize) {
        self.fault_around = bytes;
    }

    /// The map that holds `vaddr`, if it allows the access.
    #[inline]
    pub(super) fn allowing(
        &self,
        vaddr: VirtAddr,
        access: Access,
        privilege: Privilege,
    ) -> Result<MapRef<'_, T>, FaultError> {
        let map = self.find(vaddr);
        let map = map.ok_or_else(|| FaultError::NotMapped {
            hole: self.hole_at(vaddr),
        })?;
        let permissions = map.permissions();
        if !is_allowed(permissions, access, privilege) {
            return Err(FaultError::Denied {
                access,
                permissions,
                privilege,
            });
        }
        match self
            .unfinished
            .concerns(MemoryArea::block(vaddr, B::PAGE_SIZE))
        {
            Some(area) => Err(MapError::Unfinished { area }.into()),
            None => Ok(map),
        }
    }

    /// All that is free around `vaddr`, as far as there are addresses that can be mapped.
    #[cold]
    fn hole_at(&self, vaddr: VirtAddr) -> MemoryArea {
        let page = MemoryArea::block(vaddr, B::PAGE_SIZE);
        let mut ranges = self.backend.ranges().iter();
        let Some(range) = ranges.find(|range| range.contains(vaddr)) else {
            return page;
        };
        let behind = self.tree.iter_from(vaddr).next().map(MapRef::vmarea);
        let number = match behind.and_then(|map| self.tree.rank(map.start())) {
            Some(number) => number,
            None => self.tree.iter().len(),
        };
        let before = number
            .checked_sub(1)
            .and_then(|number| self.tree.get(number));
        let start = before.and_then(|map| map.vmarea().next());
        let end = behind.and_then(|map| map.start().checked_sub(1));
        let start = start.unwrap_or(range.start()).max(range.start());
        let end = end.unwrap_or(range.end()).min(range.end());
        MemoryArea::new(start, end).unwrap_or(page)
    }

    fn ask<'a>(&self, map: MapRef<'a, T>, page: MemoryArea, access: Access) -> Answer<'a, T> {
        let ticket = Ticket {
            root: self.backend.root(),
            epoch: self.epoch,
            page,
            access,
            attributes: map.attributes(),
            is_shared: map.is_shared(),
        };
        let offset = map.offset_of(page.start()).unwrap_or_default();
        Answer::NeedsFrame {
            ticket,
            map,
            offset,
        }
    }

    fn map_around(&self, map: MapRef<'_, T>, page: MemoryArea) -> Result<Done, Unresolved> {
        let around = self.around(page);
        let wanted = run(map).and_then(|run| run.intersection(around));
        let Some(run) = wanted else {
            return Err(Unresolved::Raced);
        };
        if self.backend.map_at_once(run) {
            self.mark_around(run.area);
            return Ok(Done::Mapped);
        }
        // The neighbours are welcome, not wanted: where frames are scarce, the page alone is mapped.
        let alone = run.intersection(page).unwrap_or(run);
        let reserve = |run| self.backend.reserve([Edit::Map(run)].into_iter());
        let (run, reserved) = match reserve(run) {
            Err(MapError::OutOfFrames { .. }) if alone != run => (alone, reserve(alone)),
            reserved => (run, reserved),
        };
        let mut reserved = reserved.map_err(FaultError::from)?;
        self.backend.map(run, &mut reserved);
        self.backend.unreserve(reserved);
        self.mark_around(run.area);
        Ok(Done::Mapped)
    }

    /// Marks all that is in `area` as used: where the MMU leaves that to software, each neighbour would fault once
    /// more.
    fn mark_around(&self, area: MemoryArea) {
        if self.backend.is_preset() {
            return;
        }
        for leaf in self.backend.populated(area) {
            let start = leaf.area.start();
            let is_marked = self.backend.touch(start, Access::Read).is_ok();
            if !is_marked {
                let _ = self.backend.touch(start, Access::Execute);
            }
        }
    }

    /// Maps a page of zeroes, where anonymous memory is untouched and has a table: one walk.
    #[inline]
    fn zero_at_once(&self, map: MapRef<'_, T>, page: MemoryArea) -> Result<(), NotAtOnce> {
        if map.backing() != Backing::Anonymous {
            return Err(NotAtOnce::Elsewise);
        }
        let frame = || alloc_zeroed(self.backend.platform());
        self.backend
            .install_at_once(page.start(), map.attributes(), frame)
    }

    /// The block around `page` that one fault is to map.
    pub(super) fn around(&self, page: MemoryArea) -> MemoryArea {
        let size = self.fault_around.max(B::PAGE_SIZE);
        if size.is_power_of_two() {
            MemoryArea::block(page.start(), size)
        } else {
            page
        }
    }

    fn map_zeroes(&self, page: MemoryArea, attributes: Attributes) -> Result<Done, Unresolved> {
        let frame = alloc_zeroed(self.backend.platform());
        let frame = frame.ok_or(FaultError::OutOfFrames { needed: 1 })?;
        self.install(page, frame, attributes)
            .map_err(|lost| self.give_back(lost))?;
        Ok(Done::Zeroed)
    }

    /// Maps `page` to `frame`; tables are reserved where there are none.
    pub(super) fn install(
        &self,
        page: MemoryArea,
        frame: Frame,
        attributes: Attributes,
    ) -> Result<(), Lost> {
        let (start, first) = (page.start(), frame.addr());
        let mut reserved = B::Reserved::default();
        let lost = match self
            .backend
            .install(start, frame, attributes, &mut reserved)
        {
            Ok(()) => return Ok(()),
            Err(lost) => lost,
        };
        if !matches!(lost.error(), Some(MapError::OutOfFrames { .. })) {
            return Err(lost);
        }
        let run = Run {
            area: page,
            first,
            attributes,
        };
        match self.backend.reserve([Edit::Map(run)].into_iter()) {
            Ok(mut reserved) => {
                let frame = lost.into_frame();
                let installed = self
                    .backend
                    .install(start, frame, attributes, &mut reserved);
                self.backend.unreserve(reserved);
                installed
            }
            Err(error) => Err(Lost::refused(lost.into_frame(), error)),
        }
    }

    /// Gives a frame that was not taken back to the platform, and says why it was not.
    fn give_back(&self, lost: Lost) -> Unresolved {
        let stop = lost.error().map_or(Unresolved::Raced, |error| {
            Unresolved::Refused(FaultError::from(error))
        });
        self.backend.platform().release(lost.into_frame(), false);
        stop
    }

    /// Lets a page be written whose frame may be somebody else's, too.
    fn own(&self, run: Run, attributes: Attributes) -> Result<Done, Unresolved> {
        let platform = self.backend.platform();
        if platform.is_unique(run.first) {
            let permitted = self.backend.permit(run, attributes.permissions);
            return permitted
                .map(|()| Done::Reused)
                .map_err(|_| Unresolved::Raced);
        }
        let held = self.backend.hold(run).map_err(|unheld| match unheld {
            Unheld::Changed(_) => Unresolved::Raced,
            Unheld::Share(error) => Unresolved::Refused(FaultError::Share(error)),
        })?;
        let copy = held.copy();
        let copy = copy.ok_or(FaultError::OutOfFrames { needed: 1 })?;
        let exchanged = self.backend.exchange(run, copy, attributes, self.asid());
        let replaced = exchanged.map_err(|lost| self.give_back(lost))?;
        if let Some(replaced) = replaced {
            platform.release(replaced.frame, replaced.dirty);
        }
        Ok(Done::Copied)
    }
}
