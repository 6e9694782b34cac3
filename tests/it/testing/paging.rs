//! Page tables that own frames and break their contract are found, and the law is named.

use std::collections::BTreeSet;
use std::mem::take;

use kernel_vm::backend::mock::{HostFrames, MockBackend, MockReserved};
use kernel_vm::backend::{
    Edit, Entry, Lost, NotAtOnce, PageTableBackend, Paging, Replaced, Run, Unheld, Unshared,
};
use kernel_vm::testing;
use kernel_vm::{
    Access, Asid, Attributes, Frame, FrameAllocator, Held, MapError, MemoryArea, Permissions,
    PhysAddr, Retired, Violation, VirtAddr,
};

/// What a page table does wrong with its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    /// A frame that is installed is nobody's any more.
    DisownsFrames,
    /// A page that is there takes another frame, too.
    TakesTheSecond,
    PermitsUnread,
    ExchangesUnread,
    /// Pages are handed over that another edit has left.
    HandsOverAll,
    HandsOverNothing,
    /// A change of permissions lets owned leaves be written.
    ProtectGrants,
    HoldsUnread,
    HoldsUnreadAlone,
    TouchesAnything,
    /// An access that is denied is marked as well.
    MarksTheDenied,
    /// Pages stay marked.
    AccessedForEver,
    NeverDirty,
    /// Dirty pages are told of wherever they are.
    DirtyAnywhere,
    /// A frame is asked for, and goes back.
    AsksInVain,
    /// Nothing is mapped at once, and the answer is that it is.
    SaysMapped,
    /// The child can write what it shares.
    SharesWritable,
}

const LAWS: [(Mistake, &str); 17] = [
    (
        Mistake::DisownsFrames,
        "an installed frame goes back when its page goes",
    ),
    (
        Mistake::TakesTheSecond,
        "a frame is not installed over another",
    ),
    (
        Mistake::PermitsUnread,
        "a leaf is permitted more only as it was read",
    ),
    (
        Mistake::ExchangesUnread,
        "an exchange answers the old frame",
    ),
    (
        Mistake::HandsOverAll,
        "where a flush was owed before, no page is handed over",
    ),
    (
        Mistake::HandsOverNothing,
        "the pages that are handed over are those that the page table owns, and no others",
    ),
    (
        Mistake::ProtectGrants,
        "a change of permissions lets no owned leaf be written that could not be",
    ),
    (
        Mistake::HoldsUnread,
        "the bytes of a held page are the page's, and no other's",
    ),
    (
        Mistake::HoldsUnreadAlone,
        "the bytes of a held page are the page's, and no other's",
    ),
    (
        Mistake::TouchesAnything,
        "an access is marked only where it is allowed",
    ),
    (
        Mistake::MarksTheDenied,
        "a page that was accessed is told of once, and no other is",
    ),
    (
        Mistake::AccessedForEver,
        "a page that was accessed is told of once, and no other is",
    ),
    (
        Mistake::NeverDirty,
        "an owned page that was written, and cannot be any more, is told of once",
    ),
    (
        Mistake::DirtyAnywhere,
        "an owned page that was written, and cannot be any more, is told of once",
    ),
    (
        Mistake::AsksInVain,
        "a page is installed at once, or nothing has changed",
    ),
    (
        Mistake::SaysMapped,
        "a run is mapped at once, or nothing has changed",
    ),
    (
        Mistake::SharesWritable,
        "pages that are shared lead to the same frames, and cannot be written in the child",
    ),
];

/// The mock with frames, behind a mistake.
struct Wrong {
    table: MockBackend<HostFrames>,
    mistake: Mistake,
    /// Notes on all edits since the last flush, for who goes by these and not by those that it is told.
    told: Retired,
}

impl Wrong {
    fn has(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }
}

impl PageTableBackend for Wrong {
    type Reserved = MockReserved;
    const PAGE_SIZE: usize = 4096;

    fn ranges(&self) -> &[MemoryArea] {
        self.table.ranges()
    }

    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        self.table.physical_range()
    }

    fn root(&self) -> PhysAddr {
        self.table.root()
    }

    fn supports(&self, attributes: Attributes) -> Result<(), MapError> {
        self.table.supports(attributes)
    }

    fn entry(&self, addr: VirtAddr) -> Entry {
        self.table.entry(addr)
    }

    fn populated(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        self.table.populated(area)
    }

    fn reserve(&self, edits: impl Iterator<Item = Edit>) -> Result<MockReserved, MapError> {
        self.table.reserve(edits)
    }

    fn unreserve(&self, reserved: MockReserved) {
        self.table.unreserve(reserved);
    }

    fn map(&self, run: Run, reserved: &mut MockReserved) {
        self.table.map(run, reserved);
    }

    fn unmap(&mut self, area: MemoryArea, reserved: &mut MockReserved, out: &mut Retired) {
        if self.has(Mistake::HandsOverAll) {
            out.note(area);
            return self.table.unmap(area, reserved, &mut self.told);
        }
        self.table.unmap(area, reserved, out);
    }

    fn protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        reserved: &mut MockReserved,
        out: &mut Retired,
    ) {
        self.table.protect(area, permissions, reserved, out);
        if self.has(Mistake::ProtectGrants) {
            for run in self.table.populated(area) {
                let _ = self.table.permit(run, permissions);
            }
        }
    }

    fn shift(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        reserved: &mut MockReserved,
        out: &mut Retired,
    ) {
        self.table.shift(from, to, reserved, out);
    }

    fn retire(&mut self, retired: Retired, asid: Asid) {
        if self.has(Mistake::HandsOverAll) {
            return self.table.retire(take(&mut self.told), asid);
        }
        self.table.retire(retired, asid);
    }

    fn check_invariants(&self) -> Result<(), Violation> {
        self.table.check_invariants()
    }
}

impl Paging for Wrong {
    type Platform = HostFrames;

    fn platform(&self) -> &HostFrames {
        self.table.platform()
    }

    fn is_preset(&self) -> bool {
        self.table.is_preset()
    }

    fn install(
        &self,
        page: VirtAddr,
        frame: Frame,
        attributes: Attributes,
        reserved: &mut MockReserved,
    ) -> Result<(), Lost> {
        if self.has(Mistake::DisownsFrames) {
            let area = MemoryArea::from_start_size(page, 4096).unwrap();
            let first = frame.into_addr();
            let run = Run {
                area,
                first,
                attributes,
            };
            self.table.map(run, reserved);
            return Ok(());
        }
        match self.table.install(page, frame, attributes, reserved) {
            Err(lost) if self.has(Mistake::TakesTheSecond) => {
                let _leaked = lost.into_frame().into_addr();
                Ok(())
            }
            installed => installed,
        }
    }

    fn install_at_once(
        &self,
        page: VirtAddr,
        attributes: Attributes,
        frame: impl FnOnce() -> Option<Frame>,
    ) -> Result<(), NotAtOnce> {
        if self.has(Mistake::AsksInVain) {
            let back = frame().into_iter();
            back.for_each(|frame| self.platform().release(frame, false));
            return Err(NotAtOnce::Elsewise);
        }
        self.table.install_at_once(page, attributes, frame)
    }

    fn map_at_once(&self, run: Run) -> bool {
        self.has(Mistake::SaysMapped) || self.table.map_at_once(run)
    }

    fn exchange(
        &self,
        old: Run,
        frame: Frame,
        attributes: Attributes,
        asid: Asid,
    ) -> Result<Option<Replaced>, Lost> {
        let exchanged = self.table.exchange(old, frame, attributes, asid);
        match exchanged {
            Err(lost) if self.has(Mistake::ExchangesUnread) => match lost.found() {
                Some(Entry::Leaf(found)) => {
                    let frame = lost.into_frame();
                    self.table.exchange(found, frame, attributes, asid)
                }
                _ => Err(lost),
            },
            exchanged => exchanged,
        }
    }

    fn permit(&self, old: Run, permissions: Permissions) -> Result<(), Entry> {
        match self.table.permit(old, permissions) {
            Err(Entry::Leaf(found)) if self.has(Mistake::PermitsUnread) => {
                self.table.permit(found, permissions)
            }
            permitted => permitted,
        }
    }

    fn touch(&self, addr: VirtAddr, access: Access) -> Result<(), Entry> {
        match self.table.touch(addr, access) {
            Err(Entry::Leaf(_)) if self.has(Mistake::TouchesAnything) => Ok(()),
            Err(denied) if self.has(Mistake::MarksTheDenied) => {
                let _ = self.table.touch(addr, Access::Read);
                Err(denied)
            }
            touched => touched,
        }
    }

    fn fence(&self, addr: VirtAddr, asid: Asid) {
        self.table.fence(addr, asid);
    }

    fn hold(&self, run: Run) -> Result<Held<'_, HostFrames>, Unheld> {
        match self.table.hold(run) {
            Err(Unheld::Changed(Entry::Leaf(found))) if self.has(Mistake::HoldsUnread) => {
                self.table.hold(found)
            }
            held => held,
        }
    }

    fn hold_alone(&mut self, run: Run) -> Result<Held<'_, HostFrames>, Entry> {
        let found = self.table.entry(run.area.start());
        match found {
            Entry::Leaf(found) if self.has(Mistake::HoldsUnreadAlone) => {
                self.table.hold_alone(found)
            }
            _ => self.table.hold_alone(run),
        }
    }

    fn share_into(
        &mut self,
        child: &mut Self,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), Unshared> {
        self.table.share_into(&mut child.table, area, permissions)?;
        if self.has(Mistake::SharesWritable) {
            for run in child.table.populated(area) {
                let _ = child.table.permit(run, permissions);
            }
        }
        Ok(())
    }

    fn take_accessed(&mut self, area: MemoryArea, out: &mut Retired, mut sink: impl FnMut(Run)) {
        let mut told = Vec::new();
        self.table.take_accessed(area, out, |run| told.push(run));
        for run in told {
            if self.has(Mistake::AccessedForEver) {
                let _ = self.table.touch(run.area.start(), Access::Read);
            }
            sink(run);
        }
    }

    fn take_dirty(&mut self, area: MemoryArea, mut sink: impl FnMut(Run)) {
        let is_told = !self.has(Mistake::NeverDirty);
        let area = if self.has(Mistake::DirtyAnywhere) {
            *self.table.ranges().first().unwrap()
        } else {
            area
        };
        self.table.take_dirty(area, |run| {
            if is_told {
                sink(run);
            }
        });
    }

    fn retire_into(&mut self, retired: Retired, asid: Asid, sink: impl FnMut(VirtAddr, Replaced)) {
        match self.mistake {
            Mistake::HandsOverAll => self.table.retire_into(take(&mut self.told), asid, sink),
            Mistake::HandsOverNothing => self.table.retire(retired, asid),
            _ => self.table.retire_into(retired, asid, sink),
        }
    }
}

/// The law that a page table with this mistake breaks.
fn law(mistake: Mistake) -> Result<(), &'static str> {
    let frames = HostFrames::new(64);
    let make = || Wrong {
        table: MockBackend::with_platform(frames.clone()),
        mistake,
        told: Retired::new(),
    };
    let in_use = |wrong: &Wrong| frames.frames_in_use() + wrong.table.reservations();
    testing::paging(make, in_use).map_err(|broken| {
        println!("{mistake:?}: {broken}");
        broken.law()
    })
}

#[test]
fn a_page_table_that_owns_frames_breaks_no_law() {
    assert_eq!(law(Mistake::None), Ok(()));
}

#[test]
fn each_mistake_with_frames_is_found_and_named() {
    let found = LAWS.map(|(mistake, _)| (mistake, law(mistake)));
    assert_eq!(found, LAWS.map(|(mistake, words)| (mistake, Err(words))));
}

/// A mistake shows the first law that it breaks, in the order of the laws: each law has one of its own.
#[test]
fn each_law_of_frames_is_broken_by_a_mistake() {
    let broken: BTreeSet<_> = LAWS.iter().map(|&(_, words)| words).collect();
    let laws: BTreeSet<_> = testing::laws_of_paging().into_iter().collect();
    assert_eq!(broken, laws);
}
