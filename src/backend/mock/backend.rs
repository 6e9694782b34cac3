//! A page table without tables: a map from page numbers to entries, under one lock.

use alloc::collections::btree_map::Entry as MapEntry;
use core::fmt;

use spin::Mutex;

use super::fault::Fault;
use super::maybe_platform::MaybePlatform;
use super::page::{self, Page};
use super::reserved::MockReserved;
use super::root::next_root;
use super::slot::{Slot, Used};
use super::state::{State, numbers};
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::check::check_edit;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::run::{Entry, Run};
use crate::error::MapError;
use crate::flush::{Retired, Tlb};
use crate::frame::FRAME_SIZE;
use crate::permissions::{Access, Permissions};
use crate::platform::Platform;
use crate::this_cpu;
use crate::violation::Violation;

/// The ranges of the mock: two halves of the space, as hardware with canonical addresses has them.
///
/// The last page of the lower half is in neither, so that the two do not touch.
const RANGES: [MemoryArea; 2] = [
    MemoryArea::constant(0, (usize::MAX >> 1) - FRAME_SIZE),
    MemoryArea::constant(usize::MAX / 2 + 1, usize::MAX),
];

/// The parts of `area` that can be mapped. An area of the whole space is none: so an edit goes by these.
pub(super) fn parts(area: MemoryArea) -> impl Iterator<Item = MemoryArea> {
    let ranges = RANGES.iter();
    ranges.filter_map(move |range| range.intersection(area))
}

/// A page table that is plain and obviously right: a lock around a map from page numbers to entries, one for every
/// 4 KiB page, and a TLB for every CPU that asks.
///
/// It is for tests, of this crate and of kernels. It keeps its entries on the heap, and aborts when the heap is full.
/// All memory types can be mapped.
///
/// It is stricter than the contract asks: without a reservation nothing is mapped, and pages that a dropped [`Retired`]
/// has noted are not flushed, unless a frame that the mock owns waits for that. So a manager that leans on another
/// backend's kindness shows.
///
/// A TLB has no limit, and forgets only the pages that a flush names. A flush that is missing or names too little shows
/// as an [`access`](Self::access) that still succeeds.
///
/// [With a platform](Self::with_platform) it owns frames, and keeps the contract of [`Paging`](crate::backend::Paging):
/// page faults can be tested on it. No hook of the platform is called under the lock. Dropping it flushes, and gives
/// every frame back.
pub struct MockBackend<P: MaybePlatform = ()> {
    pub(super) platform: P,
    root: PhysAddr,
    pub(super) state: Mutex<State>,
}

impl MockBackend {
    /// An empty page table without a platform, with empty TLBs: it maps physical memory, and owns no frame. O(1),
    /// allocates nothing.
    ///
    /// ```
    /// use kernel_vm::backend::PageTableBackend;
    /// use kernel_vm::backend::mock::MockBackend;
    /// use kernel_vm::{Access, PhysAddr, VirtAddr};
    ///
    /// let backend = MockBackend::new();
    /// assert!(backend.access(0, VirtAddr::new(0x1000), Access::Read).is_err());
    /// assert_eq!((backend.flushes(), backend.root()), (0, PhysAddr::new(0)));
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self {
            platform: (),
            root: PhysAddr::new(0),
            state: Mutex::new(State::new()),
        }
    }
}

impl Default for MockBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform> MockBackend<P> {
    /// An empty page table that owns frames of `platform`, with empty TLBs and a [root](PageTableBackend::root) that no
    /// other has. O(1), allocates nothing.
    ///
    /// ```
    /// use kernel_vm::backend::mock::{HostFrames, MockBackend};
    /// use kernel_vm::{
    ///     Access, Answer, Done, MemoryArea, Permissions, Privilege, VirtAddr, VirtualMemoryManager,
    ///     VirtualMemoryMap,
    /// };
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let frames = HostFrames::new(16);
    /// let table = MockBackend::with_platform(frames.clone());
    /// let mut space = VirtualMemoryManager::<MockBackend<HostFrames>>::new(table);
    /// let heap = MemoryArea::from_start_size(VirtAddr::new(0x1_0000), 0x4000)?;
    /// let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(heap, rw)?)?;
    ///
    /// let answer = space.handle_fault(heap.start(), Access::Write, Privilege::User)?;
    /// assert!(matches!(answer, Answer::Resolved { done: Done::Zeroed, .. }));
    /// space.write(heap.start(), b"bytes", Privilege::User)?;
    /// assert!(space.backend().access(0, heap.start(), Access::Write).is_ok());
    /// assert_eq!(frames.frames_in_use(), 1);
    ///
    /// // Another CPU is at the page: the program tries again, and faults no more.
    /// space.backend().lose_race(1);
    /// let answer = space.handle_fault(VirtAddr::new(0x1_1000), Access::Read, Privilege::User)?;
    /// assert!(matches!(answer, Answer::Spurious { .. }));
    /// drop(space);
    /// assert_eq!(frames.frames_in_use(), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_platform(platform: P) -> Self {
        Self {
            platform,
            root: next_root(),
            state: Mutex::new(State::new()),
        }
    }

    /// The platform that the page table was made with. O(1).
    pub const fn platform(&self) -> &P {
        &self.platform
    }

    /// Lets the `n`-th call from now (1 is the next) of a method of [`Paging`](crate::backend::Paging) that can lose a
    /// race lose it, once: another CPU is at the page. 0 takes the order back. O(1).
    ///
    /// The method answers [`Entry::Busy`], and nothing has changed; a frame that was given comes back. The methods are
    /// `install`, `exchange`, `permit`, `touch` and `hold`. A call that is refused for another reason before does not
    /// count. A fork has both spaces to itself: one whose `install` loses is refused. For want of frames,
    /// [`fail_reservation`](Self::fail_reservation) fails an `install`, and the platform itself whatever asks it for a
    /// frame.
    pub fn lose_race(&self, n: usize) {
        self.state.lock().race.set(n);
    }

    /// Whether this call loses its race.
    pub(super) fn loses_race(&self) -> bool {
        self.state.lock().race.strikes()
    }
}

impl<P: MaybePlatform> MockBackend<P> {
    /// Accesses the byte at `vaddr` on this CPU, and answers the physical address; any number is a CPU. O(log n).
    ///
    /// An entry that the CPU's TLB has cached answers, however stale. Otherwise the page table answers, and a valid
    /// entry is cached, whether it allows the access or not. User mode is not told from the kernel's.
    ///
    /// An access that is allowed sets the page's accessed bit, and a write its dirty bit, as an MMU does. A page that
    /// has moved takes along the bits that it had by then.
    ///
    /// # Errors
    /// [`Fault::NotMapped`] when there is no valid entry, [`Fault::Denied`] when it does not allow the access.
    pub fn access(&self, cpu: usize, vaddr: VirtAddr, access: Access) -> Result<PhysAddr, Fault> {
        let number = page::number(vaddr);
        let mut state = self.state.lock();
        let page = state.cached(cpu, number);
        let page = page.ok_or(Fault::NotMapped { vaddr })?;
        let permissions = page.attributes.permissions;
        if !permissions.allow(access) {
            return Err(Fault::Denied {
                vaddr,
                access,
                permissions,
            });
        }
        state.mark(number, page.first, access);
        let target = page.run(number).translate(vaddr);
        target.ok_or(Fault::NotMapped { vaddr })
    }

    /// Whether the page that holds `vaddr` was accessed since it was mapped; false where nothing is mapped. O(log n).
    #[must_use]
    pub fn is_accessed(&self, vaddr: VirtAddr) -> bool {
        self.used(vaddr).accessed
    }

    /// Whether the page that holds `vaddr` was written since it was mapped; false where nothing is mapped. O(log n).
    #[must_use]
    pub fn is_dirty(&self, vaddr: VirtAddr) -> bool {
        self.used(vaddr).dirty
    }

    fn used(&self, vaddr: VirtAddr) -> Used {
        let state = self.state.lock();
        let slot = state.pages.get(&page::number(vaddr));
        slot.map_or(Used::default(), |slot| slot.used)
    }

    /// The number of flushes so far. O(1).
    #[must_use]
    pub fn flushes(&self) -> usize {
        self.state.lock().flushes
    }

    /// The number of reservations that have not been unreserved yet. O(1).
    ///
    /// A reservation that failed is none. A number that is not 0 when no verb runs is a leak of the manager's.
    #[must_use]
    pub fn reservations(&self) -> usize {
        self.state.lock().reservations
    }

    /// Lets the `n`-th reservation from now (1 is the next) fail, once, with `OutOfFrames { needed: 1 }`. O(1).
    ///
    /// The mock needs no frames, and acts as if each reservation needed one. A reservation of edits that are refused
    /// for another reason does not count. 0 takes the order back.
    pub fn fail_reservation(&self, n: usize) {
        self.state.lock().failure.set(n);
    }
}

impl<P: MaybePlatform> PageTableBackend for MockBackend<P> {
    type Reserved = MockReserved;

    const PAGE_SIZE: usize = page::SIZE;

    const SETTLES: bool = true;

    fn ranges(&self) -> &[MemoryArea] {
        &RANGES
    }

    /// Physical memory of 2^56 bytes from address 0 on; of 2^31 bytes where a pointer has 32 bits.
    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        page::PHYSICAL
    }

    /// Where no memory is, as there are no tables: address 0 without a platform; with one, an address behind all
    /// [physical memory](PageTableBackend::physical_range) that no other mock has, or has had.
    fn root(&self) -> PhysAddr {
        self.root
    }

    fn supports(&self, _attributes: Attributes) -> Result<(), MapError> {
        Ok(())
    }

    fn cpu(&self) -> usize {
        match self.platform.get() {
            Some(platform) => platform.cpu(),
            None => this_cpu::guess(),
        }
    }

    fn entry(&self, addr: VirtAddr) -> Entry {
        self.state.lock().entry(page::number(addr))
    }

    /// One run for each page. O(log n) for each.
    ///
    /// The lock is taken for each run and not held between two, so the page table may be read and mapped meanwhile.
    fn populated(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        let mut rest = Some(area);
        core::iter::from_fn(move || {
            let state = self.state.lock();
            let mut slots = state.pages.range(numbers(rest?));
            let run = slots.find_map(|(&number, slot)| slot.run(number))?;
            let run = run.intersection(area)?;
            let next = run.area.next();
            rest = next.and_then(|next| MemoryArea::new(next, area.end()).ok());
            Some(run)
        })
    }

    fn reserve(&self, mut edits: impl Iterator<Item = Edit>) -> Result<MockReserved, MapError> {
        // Without the lock: the edits may come from an iterator that reads the page table.
        edits.try_for_each(|edit| check_edit(self, edit))?;
        let mut state = self.state.lock();
        if state.failure.strikes() {
            return Err(MapError::OutOfFrames { needed: 1 });
        }
        state.reservations += 1;
        Ok(MockReserved::HELD)
    }

    fn unreserve(&self, reserved: MockReserved) {
        let mut state = self.state.lock();
        state.reservations -= usize::from(reserved.is_held()).min(state.reservations);
    }

    /// Maps the pages of the run that are empty. O(pages × log n).
    ///
    /// Without a reservation, or when the run would be refused one, nothing is mapped.
    fn map(&self, run: Run, with: &mut MockReserved) {
        if !with.is_held() || check_edit(self, Edit::Map(run)).is_err() {
            return;
        }
        self.made_code(run);
        if self.map_pages(run) && run.attributes.permissions.allow_any() {
            self.made_valid(run.area);
        }
    }

    /// Empties the pages in `area`, with or without a reservation, and notes those that a TLB may have cached. Owned
    /// ones are busy until they are retired.
    fn unmap(&mut self, area: MemoryArea, _with: &mut MockReserved, out: &mut Retired) {
        // A part of a page cannot stay.
        let area = area.widened(page::SIZE);
        parts(area).for_each(|part| self.state.get_mut().unmap(part, out));
    }

    /// Gives the pages in `area` these permissions; an owned one that could not be written stays so.
    ///
    /// Permissions or areas that would be refused a reservation unmap the pages instead: nothing stays that allows more
    /// than the caller wants.
    fn protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        with: &mut MockReserved,
        out: &mut Retired,
    ) {
        if check_edit(self, Edit::Protect(area, permissions)).is_err() {
            return self.unmap(area, with, out);
        }
        if permissions.contains(Permissions::EXECUTE) {
            let code = self.state.get_mut().no_code(area);
            code.into_iter().for_each(|first| self.made_code_at(first));
        }
        self.change(|state| state.protect(area, permissions, out));
    }

    /// Copies the entries of `from` into the empty ones of `to`, and moves those that are owned. Without a reservation
    /// nothing is done.
    fn shift(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        with: &mut MockReserved,
        out: &mut Retired,
    ) {
        if with.is_held() && check_edit(self, Edit::Shift { from, to }).is_ok() {
            self.change(|state| state.shift(from, to, out));
        }
    }

    /// Makes every TLB forget the pages that `retired` has noted, and gives owned frames back. A value that has noted
    /// none is no flush.
    ///
    /// Everything is flushed, under every ASID, where owned frames wait and `retired` does not tell of all edits, and
    /// after a hook has panicked.
    fn retire(&mut self, retired: Retired, asid: Asid) {
        self.settle_told(&retired, asid);
    }

    fn settle(&self, retired: &Retired, asid: Asid) {
        self.settle_shared(retired, asid);
    }

    /// Checks that each entry is one that a reservation would be granted for, and leads to the frame that it owns.
    /// O(n log n).
    fn check_invariants(&self) -> Result<(), Violation> {
        let ranges = RANGES.into_iter();
        let mut runs = ranges.flat_map(|range| self.populated(range));
        runs.try_for_each(|run| {
            let addr = run.area.start();
            let is_sound = check_edit(self, Edit::Map(run)).is_ok() && self.is_its_own(addr);
            is_sound.then_some(()).ok_or(Violation::Word { addr })
        })
    }
}

impl<P: MaybePlatform> MockBackend<P> {
    /// Maps the pages of the run that are empty, and answers whether there were any.
    fn map_pages(&self, run: Run) -> bool {
        let mut state = self.state.lock();
        let mut is_any = false;
        for number in numbers(run.area) {
            let first = run.translate(page::area(number).start());
            let place = state.pages.entry(number);
            if let (Some(first), MapEntry::Vacant(place)) = (first, place) {
                let attributes = run.attributes;
                place.insert(Slot::new(Page { first, attributes }, None));
                is_any = true;
            }
        }
        is_any
    }

    /// Makes an edit, and tells the platform of the pages that it has made valid. Should the hook panic, the next flush
    /// is of everything.
    fn change(&mut self, edit: impl FnOnce(&mut State) -> Option<MemoryArea>) {
        let state = self.state.get_mut();
        let was_torn = core::mem::replace(&mut state.is_torn, true);
        let made = edit(state);
        made.into_iter().for_each(|made| self.made_valid(made));
        self.state.get_mut().is_torn = was_torn;
    }

    /// Whether the page at `addr` leads to the frame that it owns, if it owns one.
    fn is_its_own(&self, addr: VirtAddr) -> bool {
        let state = self.state.lock();
        let slot = state.pages.get(&page::number(addr));
        let owned = slot.and_then(|slot| Some((slot.page.first, slot.owned.as_ref()?.addr())));
        owned.is_none_or(|(first, owned)| first == owned)
    }
}

impl<P: MaybePlatform> fmt::Debug for MockBackend<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockBackend")
            .field("root", &self.root)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
