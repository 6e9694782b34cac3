//! A page table without tables: a map from page numbers to entries, under one lock.

use spin::Mutex;

use super::fault::Fault;
use super::page::{self, Page};
use super::reserved::MockReserved;
use super::state::{State, numbers};
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::check::check_edit;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::run::{Entry, Run};
use crate::error::MapError;
use crate::flush::Retired;
use crate::frame::FRAME_SIZE;
use crate::permissions::{Access, Permissions};
use crate::violation::Violation;

/// The ranges of the mock: two halves of the space, as hardware with canonical addresses has them.
///
/// The last page of the lower half is in neither, so that the two do not touch.
const RANGES: [MemoryArea; 2] = [
    MemoryArea::constant(0, (usize::MAX >> 1) - FRAME_SIZE),
    MemoryArea::constant(usize::MAX / 2 + 1, usize::MAX),
];

/// A page table that is plain and obviously right: a lock around a map from page numbers to entries, one for every
/// 4 KiB page, and a TLB for every CPU that asks.
///
/// It is for tests, of this crate and of kernels. It keeps its entries on the heap, and aborts when the heap is full.
/// All memory types can be mapped.
///
/// It is stricter than the contract asks: without a reservation nothing is mapped, and pages that a dropped [`Retired`]
/// has noted are never flushed. So a manager that leans on another backend's kindness shows.
///
/// A TLB has no limit, and forgets only the pages that a flush names. A flush that is missing or names too little shows
/// as an [`access`](Self::access) that still succeeds.
#[derive(Debug, Default)]
pub struct MockBackend {
    state: Mutex<State>,
}

impl MockBackend {
    /// An empty page table, with empty TLBs. O(1), allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: Mutex::new(State::new()),
        }
    }

    /// Accesses the byte at `vaddr` on this CPU, and answers the physical address; any number is a CPU. O(log n).
    ///
    /// An entry that the CPU's TLB has cached answers, however stale. Otherwise the page table answers, and a valid
    /// entry is cached, whether it allows the access or not. User mode is not told from the kernel's.
    ///
    /// # Errors
    /// [`Fault::NotMapped`] when there is no valid entry, [`Fault::Denied`] when it does not allow the access.
    pub fn access(&self, cpu: usize, vaddr: VirtAddr, access: Access) -> Result<PhysAddr, Fault> {
        let page = self.state.lock().cached(cpu, page::number(vaddr));
        let page = page.ok_or(Fault::NotMapped { vaddr })?;
        let permissions = page.attributes.permissions;
        if !permissions.allow(access) {
            return Err(Fault::Denied {
                vaddr,
                access,
                permissions,
            });
        }
        let target = page.run(page::number(vaddr)).translate(vaddr);
        target.ok_or(Fault::NotMapped { vaddr })
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

impl PageTableBackend for MockBackend {
    type Reserved = MockReserved;

    const PAGE_SIZE: usize = page::SIZE;

    fn ranges(&self) -> &[MemoryArea] {
        &RANGES
    }

    /// Physical memory of 2^56 bytes from address 0 on; of 2^31 bytes where a pointer has 32 bits.
    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        page::PHYSICAL
    }

    /// Address 0, always: there are no tables.
    fn root(&self) -> PhysAddr {
        PhysAddr::new(0)
    }

    fn supports(&self, _attributes: Attributes) -> Result<(), MapError> {
        Ok(())
    }

    fn entry(&self, addr: VirtAddr) -> Entry {
        let number = page::number(addr);
        match self.state.lock().pages.get(&number) {
            None => Entry::Empty,
            Some(page) if page.is_valid() => Entry::Leaf(page.run(number)),
            Some(page) => Entry::Hidden(page.run(number)),
        }
    }

    /// One run for each page. O(log n) for each.
    ///
    /// The lock is taken for each run and not held between two, so the page table may be read and mapped meanwhile.
    fn populated(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        let mut rest = Some(area);
        core::iter::from_fn(move || {
            let state = self.state.lock();
            let (&number, page) = state.pages.range(numbers(rest?)).next()?;
            let run = page.run(number).intersection(area)?;
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
        let mut state = self.state.lock();
        for number in numbers(run.area) {
            let first = run.translate(page::area(number).start());
            let page = first.map(|first| Page {
                first,
                attributes: run.attributes,
            });
            page.into_iter().for_each(|page| {
                state.pages.entry(number).or_insert(page);
            });
        }
    }

    /// Empties the pages in `area`, with or without a reservation, and notes those that a TLB may have cached.
    fn unmap(&mut self, area: MemoryArea, _with: &mut MockReserved, out: &mut Retired) {
        let gone = self.state.get_mut().unmap(area);
        gone.into_iter().for_each(|gone| out.note(gone));
    }

    /// Gives the pages in `area` these permissions.
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
        let changed = self.state.get_mut().protect(area, permissions);
        changed.into_iter().for_each(|changed| out.note(changed));
    }

    /// Copies the entries of `from` into the empty ones of `to`. Without a reservation nothing is copied.
    fn shift(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        with: &mut MockReserved,
        _out: &mut Retired,
    ) {
        if with.is_held() && check_edit(self, Edit::Shift { from, to }).is_ok() {
            self.state.get_mut().shift(from, to);
        }
    }

    /// Makes every TLB forget the pages that `retired` has noted. A value that has noted none is no flush.
    fn retire(&mut self, retired: Retired, asid: Asid) {
        if !retired.is_empty() {
            let root = self.root();
            self.state.get_mut().flush(&retired.flush(root, asid));
        }
    }

    /// Checks that each entry is one that a reservation would be granted for. O(n log n).
    fn check_invariants(&self) -> Result<(), Violation> {
        let ranges = RANGES.into_iter();
        let mut runs = ranges.flat_map(|range| self.populated(range));
        runs.try_for_each(|run| {
            let wrong = Violation::Word {
                addr: run.area.start(),
            };
            check_edit(self, Edit::Map(run)).map_err(|_| wrong)
        })
    }
}
