//! A page table that does one thing wrong.

use std::cell::Cell;

use kernel_vm::backend::mock::{MockBackend, MockReserved};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run, check_edit};
use kernel_vm::{
    Asid, Attributes, MapError, MemoryArea, Permissions, PhysAddr, Retired, Violation, VirtAddr,
};

use super::mistake::Mistake;

/// Physical memory for leaves of 4 MiB, and for no larger ones: the mock has an entry for each page of these.
const PHYSICAL: u64 = 16 << 20;

/// The mock, behind a mistake. Counts what the mistakes go by.
pub(super) struct Wrong {
    pub(super) table: MockBackend,
    mistake: Mistake,
    /// What it has leaked.
    leaked: Cell<usize>,
    /// Whether an edit waits for its flush.
    owes: Cell<bool>,
    /// How many times the root was asked for.
    roots: Cell<u64>,
    /// How many read the page table now.
    readers: Cell<usize>,
    edits: Cell<usize>,
    /// Where it says that nothing is.
    hidden: Cell<Option<MemoryArea>>,
    /// Edits since the last reservation.
    edits_reserved: Cell<usize>,
    /// Edits that took something away since the last flush.
    edits_owed: Cell<usize>,
}

/// A reservation, and what was done with it.
#[derive(Default)]
pub(super) struct Reserved {
    held: MockReserved,
    is_granted: bool,
    is_used: bool,
    has_unmapped: bool,
}

/// Somebody who reads the page table.
struct Reader<'a, I> {
    runs: I,
    readers: &'a Cell<usize>,
}

impl<I: Iterator<Item = Run>> Iterator for Reader<'_, I> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        self.runs.next()
    }
}

impl<I> Drop for Reader<'_, I> {
    fn drop(&mut self) {
        self.readers.set(self.readers.get() - 1);
    }
}

fn add(to: &Cell<usize>) {
    to.set(to.get() + 1);
}

/// The area without its last page, if that leaves one.
fn less(area: MemoryArea) -> MemoryArea {
    let size = (area.size() - 4096).max(4096);
    MemoryArea::from_start_size(area.start(), size).unwrap()
}

/// The parts of a run that are not hidden.
fn outside(run: Run, hidden: Option<MemoryArea>) -> Vec<Run> {
    let Some(hidden) = hidden.filter(|hidden| hidden.overlaps(&run.area)) else {
        return vec![run];
    };
    let (start, end) = (run.area.start(), run.area.end());
    let part = |start: VirtAddr, end: VirtAddr| {
        let offset = start.get() - run.area.start().get();
        let first = PhysAddr::new(run.first.get() + offset as u64);
        let area = MemoryArea::new(start, end).unwrap();
        Run { area, first, ..run }
    };
    let head =
        (start < hidden.start()).then(|| part(start, VirtAddr::new(hidden.start().get() - 1)));
    let tail = (hidden.end() < end).then(|| part(VirtAddr::new(hidden.end().get() + 1), end));
    head.into_iter().chain(tail).collect()
}

impl Wrong {
    pub(super) fn new(mistake: Mistake) -> Self {
        Self {
            table: MockBackend::new(),
            mistake,
            leaked: Cell::new(0),
            owes: Cell::new(false),
            roots: Cell::new(0),
            readers: Cell::new(0),
            edits: Cell::new(0),
            hidden: Cell::new(None),
            edits_reserved: Cell::new(1),
            edits_owed: Cell::new(0),
        }
    }

    /// What is in use: reservations, what waits for a flush, and what was leaked.
    pub(super) fn in_use(&self) -> usize {
        self.table.reservations() + self.leaked.get() + usize::from(self.owes.get())
    }

    fn has(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    fn leaks_if(&self, mistake: Mistake, holds: bool) {
        if self.has(mistake) && holds {
            add(&self.leaked);
        }
    }

    /// Whether nothing is in the area, which is less than a range.
    fn has_nothing(&self, area: MemoryArea) -> bool {
        area.size() < 1 << 40 && self.table.populated(area).next().is_none()
    }

    /// The area with all of the 512 pages around each of its borders that are in its range.
    fn blocks(&self, area: MemoryArea) -> MemoryArea {
        let mask = (512 << 12) - 1;
        let start = VirtAddr::new(area.start().get() & !mask);
        let blocks = MemoryArea::new(start, VirtAddr::new(area.end().get() | mask)).unwrap();
        let mut ranges = self.table.ranges().iter();
        let range = ranges.find(|range| range.contains_area(area));
        range
            .and_then(|range| range.intersection(blocks))
            .unwrap_or(area)
    }

    /// Whether something is in the area, and all of it hidden.
    fn has_hidden_alone(&self, area: MemoryArea) -> bool {
        let mut there = self.table.populated(area).peekable();
        there.peek().is_some() && there.all(|run| !run.attributes.permissions.allow_any())
    }

    fn made_edit(&self) {
        add(&self.edits);
        add(&self.edits_reserved);
    }

    /// Notes an edit that may take something away.
    fn takes(&self) {
        self.made_edit();
        add(&self.edits_owed);
    }

    fn flushed(&self) {
        self.edits_owed.set(0);
        self.owes.set(false);
    }

    /// The run as it is mapped.
    fn mistaken(&self, run: Run) -> Option<Run> {
        let mut run = run;
        match self.mistake {
            Mistake::ForgetsMemoryTypes => {
                run.attributes = Attributes::from(run.attributes.permissions);
            }
            Mistake::MapsOnePageLess => run.area = less(run.area),
            Mistake::MapStopsAtAPage => {
                if let Some(page) = self.table.populated(run.area).next() {
                    let last = page.area.start().checked_sub(1)?;
                    run.area = MemoryArea::new(run.area.start(), last).ok()?;
                }
            }
            Mistake::ReadersShutMapsOut if self.readers.get() > 0 => return None,
            _ => {}
        }
        Some(run)
    }

    /// Maps the run to frames whose addresses lack the bits that no entry can hold.
    fn map_cut(&self, run: Run) {
        let first = PhysAddr::new((run.first.get() % PHYSICAL) & !0xfff);
        let run = Run { first, ..run };
        if let Ok(mut held) = self.table.reserve([Edit::Map(run)].into_iter()) {
            self.table.map(run, &mut held);
            self.table.unreserve(held);
        }
    }
}

impl PageTableBackend for Wrong {
    type Reserved = Reserved;
    const PAGE_SIZE: usize = 4096;
    const SETTLES: bool = true;

    fn ranges(&self) -> &[MemoryArea] {
        self.table.ranges()
    }

    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        MemoryArea::new(PhysAddr::new(0), PhysAddr::new(PHYSICAL - 1)).unwrap()
    }

    fn root(&self) -> PhysAddr {
        if self.has(Mistake::RootMoves) {
            self.roots.set(self.roots.get() + 1);
        }
        PhysAddr::new(self.roots.get())
    }

    fn supports(&self, attributes: Attributes) -> Result<(), MapError> {
        self.table.supports(attributes)
    }

    fn entry(&self, addr: VirtAddr) -> Entry {
        if self.hidden.get().is_some_and(|area| area.contains(addr)) {
            return Entry::Empty;
        }
        self.table.entry(addr)
    }

    fn populated(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        let area = if self.has(Mistake::PopulatedUnclipped) {
            MemoryArea::new(area.start(), VirtAddr::new(usize::MAX)).unwrap_or(area)
        } else {
            area
        };
        let hidden = self.hidden.get();
        add(&self.readers);
        Reader {
            runs: self
                .table
                .populated(area)
                .flat_map(move |run| outside(run, hidden)),
            readers: &self.readers,
        }
    }

    fn reserve(&self, edits: impl Iterator<Item = Edit>) -> Result<Reserved, MapError> {
        let edits: Vec<_> = edits.collect();
        let is_alone = self.table.reservations() == 0;
        let sound = edits.iter().try_for_each(|&edit| check_edit(self, edit));
        let reserve = || self.table.reserve(edits.iter().copied());
        let mut held = match sound.and_then(|()| reserve()) {
            Err(MapError::OutOfFrames { .. }) if self.has(Mistake::NeedsNothing) => {
                return Err(MapError::OutOfFrames { needed: 0 });
            }
            Err(_) if self.has(Mistake::GrantsAnything) => MockReserved::default(),
            held => held?,
        };
        if self.has(Mistake::OneReservationAtATime) && !is_alone {
            self.table.unreserve(std::mem::take(&mut held));
        }
        self.edits_reserved.set(0);
        Ok(Reserved {
            held,
            is_granted: true,
            ..Reserved::default()
        })
    }

    fn unreserve(&self, reserved: Reserved) {
        self.leaks_if(Mistake::LeaksReservations, reserved.is_granted);
        self.leaks_if(
            Mistake::LeaksUnused,
            reserved.is_granted && !reserved.is_used,
        );
        self.table.unreserve(reserved.held);
    }

    fn map(&self, run: Run, reserved: &mut Reserved) {
        self.made_edit();
        reserved.is_used = true;
        if self.has(Mistake::CutsFrames) {
            return self.map_cut(run);
        }
        if self.has(Mistake::ReservesUpToAnUnmap) && reserved.has_unmapped {
            return;
        }
        if self.has(Mistake::UnreservedMapHides) && !reserved.is_granted {
            self.hidden.set(Some(run.area));
            return;
        }
        let sound = check_edit(self, Edit::Map(run)).ok();
        if let Some(run) = sound.and_then(|()| self.mistaken(run)) {
            self.table.map(run, &mut reserved.held);
        }
    }

    fn unmap(&mut self, area: MemoryArea, reserved: &mut Reserved, out: &mut Retired) {
        reserved.is_used = true;
        reserved.has_unmapped = true;
        self.takes();
        self.leaks_if(Mistake::UnmapOfNothingLeaks, self.has_nothing(area));
        self.leaks_if(Mistake::UnmapOfHiddenLeaks, self.has_hidden_alone(area));
        let mut ranges = self.table.ranges().iter();
        let is_within = ranges.any(|range| range.contains_area(area));
        let area = match self.mistake {
            Mistake::UnmapsOnePageLess => less(area),
            Mistake::UnmapsBlocks => self.blocks(area),
            Mistake::UnmapsWithinRanges if !is_within => return,
            _ => area,
        };
        self.table.unmap(area, &mut reserved.held, out);
        if !out.is_empty() {
            self.owes.set(true);
        }
    }

    fn protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        reserved: &mut Reserved,
        out: &mut Retired,
    ) {
        reserved.is_used = true;
        self.takes();
        self.leaks_if(Mistake::ProtectOfNothingLeaks, self.has_nothing(area));
        let area = match self.mistake {
            Mistake::ProtectsNothing => return,
            Mistake::UnreservedProtectsNothing if !reserved.is_granted => return,
            Mistake::Tires if self.edits.get() > 400 => return,
            Mistake::HidingUnmaps if !permissions.allow_any() => {
                return self.table.unmap(area, &mut reserved.held, out);
            }
            Mistake::ProtectsBlocks => self.blocks(area),
            _ => area,
        };
        let held = &mut reserved.held;
        self.table.protect(area, permissions, held, out);
    }

    fn shift(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        reserved: &mut Reserved,
        out: &mut Retired,
    ) {
        reserved.is_used = true;
        self.made_edit();
        if !self.has(Mistake::ShiftsNothing) {
            self.table.shift(from, to, &mut reserved.held, out);
        }
    }

    fn retire(&mut self, retired: Retired, asid: Asid) {
        let (edits, owed) = (self.edits_reserved.get(), self.edits_owed.get());
        self.leaks_if(Mistake::RetiringNothingLeaks, edits == 0);
        self.leaks_if(Mistake::RetiresSixEdits, owed > 6);
        if !self.has(Mistake::RetiresWhatItIsTold) || !retired.is_empty() {
            self.table.retire(retired, asid);
            self.flushed();
        }
    }

    fn settle(&self, retired: &Retired, asid: Asid) {
        let settles = match self.mistake {
            Mistake::SettlesNothing => false,
            Mistake::SettlesOneEdit => self.edits_owed.get() == 1,
            _ => true,
        };
        if settles {
            self.table.settle(retired, asid);
            self.flushed();
        }
    }

    fn check_invariants(&self) -> Result<(), Violation> {
        self.table.check_invariants()
    }
}
