//! Page tables that break their contract are found, and the law is named.

use kernel_vm::backend::mock::{MockBackend, MockReserved};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::testing;
use kernel_vm::{
    Asid, Attributes, MapError, MemoryArea, Permissions, PhysAddr, Retired, Violation, VirtAddr,
};

/// What a page table does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    MapsOnePageLess,
    UnmapsOnePageLess,
    ProtectsNothing,
    ForgetsMemoryTypes,
    LeaksReservations,
    GrantsAnything,
    PopulatedUnclipped,
    NeedsNothing,
}

struct Wrong(MockBackend, Mistake);

impl Wrong {
    fn has(&self, mistake: Mistake) -> bool {
        self.1 == mistake
    }
}

/// The area without its last page, if that leaves one.
fn less(area: MemoryArea) -> MemoryArea {
    let size = (area.size() - 4096).max(4096);
    MemoryArea::from_start_size(area.start(), size).unwrap()
}

impl PageTableBackend for Wrong {
    type Reserved = MockReserved;
    const PAGE_SIZE: usize = 4096;
    const SETTLES: bool = true;

    fn ranges(&self) -> &[MemoryArea] {
        self.0.ranges()
    }

    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        self.0.physical_range()
    }

    fn root(&self) -> PhysAddr {
        self.0.root()
    }

    fn supports(&self, attributes: Attributes) -> Result<(), MapError> {
        self.0.supports(attributes)
    }

    fn entry(&self, addr: VirtAddr) -> Entry {
        self.0.entry(addr)
    }

    fn populated(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        let area = if self.has(Mistake::PopulatedUnclipped) {
            MemoryArea::new(area.start(), VirtAddr::new(usize::MAX)).unwrap_or(area)
        } else {
            area
        };
        self.0.populated(area)
    }

    fn reserve(&self, edits: impl Iterator<Item = Edit>) -> Result<MockReserved, MapError> {
        let edits: Vec<_> = edits.collect();
        let reserved = self.0.reserve(edits.iter().copied());
        match reserved {
            Err(MapError::OutOfFrames { .. }) if self.has(Mistake::NeedsNothing) => {
                Err(MapError::OutOfFrames { needed: 0 })
            }
            Err(_) if self.has(Mistake::GrantsAnything) => Ok(MockReserved::default()),
            reserved => reserved,
        }
    }

    fn unreserve(&self, reserved: MockReserved) {
        if self.has(Mistake::LeaksReservations) {
            let _lost = reserved;
        } else {
            self.0.unreserve(reserved);
        }
    }

    fn map(&self, run: Run, reserved: &mut MockReserved) {
        let attributes = if self.has(Mistake::ForgetsMemoryTypes) {
            Attributes::from(run.attributes.permissions)
        } else {
            run.attributes
        };
        let area = if self.has(Mistake::MapsOnePageLess) {
            less(run.area)
        } else {
            run.area
        };
        self.0.map(
            Run {
                area,
                attributes,
                ..run
            },
            reserved,
        );
    }

    fn map_exclusive(&mut self, run: Run, reserved: &mut MockReserved) {
        self.map(run, reserved);
    }

    fn unmap(&mut self, area: MemoryArea, reserved: &mut MockReserved, out: &mut Retired) {
        let area = if self.has(Mistake::UnmapsOnePageLess) {
            less(area)
        } else {
            area
        };
        self.0.unmap(area, reserved, out);
    }

    fn protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        reserved: &mut MockReserved,
        out: &mut Retired,
    ) {
        if !self.has(Mistake::ProtectsNothing) {
            self.0.protect(area, permissions, reserved, out);
        }
    }

    fn shift(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        reserved: &mut MockReserved,
        out: &mut Retired,
    ) {
        self.0.shift(from, to, reserved, out);
    }

    fn retire(&mut self, retired: Retired, asid: Asid) {
        self.0.retire(retired, asid);
    }

    fn settle(&self, retired: &Retired, asid: Asid) {
        self.0.settle(retired, asid);
    }

    fn check_invariants(&self) -> Result<(), Violation> {
        self.0.check_invariants()
    }
}

fn law(mistake: Mistake) -> Result<(), &'static str> {
    let make = || Wrong(MockBackend::new(), mistake);
    let in_use = |wrong: &Wrong| wrong.0.reservations();
    let fail = |wrong: &Wrong, n| wrong.0.fail_reservation(n);
    let checked = testing::page_table(make, in_use);
    let checked = checked.and_then(|()| testing::reservations(make, in_use, fail));
    checked.map_err(|broken| {
        println!("{mistake:?}: {broken}");
        broken.law()
    })
}

#[test]
fn each_mistake_of_a_page_table_is_found_and_named() {
    let laws = [
        (
            Mistake::MapsOnePageLess,
            "what is mapped is there, and nothing else",
        ),
        (
            Mistake::UnmapsOnePageLess,
            "what is mapped is there, and nothing else",
        ),
        (
            Mistake::ProtectsNothing,
            "the first and the last page of each range can be mapped, protected and unmapped",
        ),
        (
            Mistake::ForgetsMemoryTypes,
            "an entry says all that was mapped: frame, permissions and memory type",
        ),
        (
            Mistake::LeaksReservations,
            "what is mapped is there, and nothing else",
        ),
        (
            Mistake::GrantsAnything,
            "a reservation for what cannot be is refused with the reason",
        ),
        (
            Mistake::PopulatedUnclipped,
            "populated answers what lies in an area, cut at its borders",
        ),
        (
            Mistake::NeedsNothing,
            "a reservation that fails at any of its allocations changes nothing, and says how many frames it needs",
        ),
    ];
    assert_eq!(law(Mistake::None), Ok(()));
    for (mistake, words) in laws {
        assert_eq!(law(mistake), Err(words), "{mistake:?}");
    }
}
