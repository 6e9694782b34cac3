//! The mock's TLBs forget what they are told, and nothing else.

use kernel_vm::backend::mock::{Fault, MockBackend, MockReserved};
use kernel_vm::backend::{Edit, PageTableBackend, Run};
use kernel_vm::{
    Access, Asid, Attributes, MapError, MemoryArea, Permissions, PhysAddr, Retired, VirtAddr,
};

const RW: Permissions = Permissions::READ.union(Permissions::WRITE);

fn vaddr(page: usize) -> VirtAddr {
    VirtAddr::new(0x10_0000 + page * 4096)
}

fn paddr(page: u64) -> PhysAddr {
    PhysAddr::new(0x4000_0000 + page * 4096)
}

fn area(first: usize, pages: usize) -> MemoryArea {
    MemoryArea::from_start_size(vaddr(first), pages * 4096).unwrap()
}

fn run(first: usize, pages: usize) -> Run {
    let attributes = Attributes::from(RW);
    Run {
        area: area(first, pages),
        first: paddr(first as u64),
        attributes,
    }
}

fn map(backend: &MockBackend, run: Run) {
    let mut reserved = backend.reserve([Edit::Map(run)].into_iter()).unwrap();
    backend.map(run, &mut reserved);
    backend.unreserve(reserved);
}

fn unmap(backend: &mut MockBackend, areas: &[MemoryArea]) -> Retired {
    let mut out = Retired::new();
    areas
        .iter()
        .for_each(|&area| backend.unmap(area, &mut MockReserved::default(), &mut out));
    out
}

fn protect(backend: &mut MockBackend, area: MemoryArea, permissions: Permissions) -> Retired {
    let mut out = Retired::new();
    backend.protect(area, permissions, &mut MockReserved::default(), &mut out);
    out
}

fn read(backend: &MockBackend, cpu: usize, page: usize) -> Result<PhysAddr, Fault> {
    backend.access(cpu, vaddr(page), Access::Read)
}

const ASID: Asid = Asid::new(0);

#[test]
fn an_access_leads_to_the_byte_or_says_why_not() {
    let backend = MockBackend::new();
    map(&backend, run(3, 1));
    let byte = vaddr(3).checked_add(5).unwrap();
    assert_eq!(
        backend.access(0, byte, Access::Write),
        Ok(paddr(3).checked_add(5).unwrap())
    );
    let denied = Fault::Denied {
        vaddr: byte,
        access: Access::Execute,
        permissions: RW,
    };
    assert_eq!(backend.access(0, byte, Access::Execute), Err(denied));
    assert_eq!(
        read(&backend, 0, 4),
        Err(Fault::NotMapped { vaddr: vaddr(4) })
    );
    assert_eq!(
        denied.to_string(),
        "entry for 0x103005 allows rw--, which is no execute"
    );
    assert_eq!(
        Fault::NotMapped { vaddr: vaddr(4) }.to_string(),
        "no valid entry for 0x104000"
    );
}

#[test]
fn what_a_cpu_has_cached_answers_until_it_is_flushed() {
    let mut backend = MockBackend::new();
    map(&backend, run(0, 1));
    assert!(read(&backend, 7, 0).is_ok());
    let out = unmap(&mut backend, &[area(0, 1)]);
    assert_eq!(read(&backend, 7, 0), Ok(paddr(0)), "stale, as on hardware");
    assert!(
        read(&backend, 8, 0).is_err(),
        "another CPU had nothing cached"
    );
    backend.retire(out, ASID);
    assert!(read(&backend, 7, 0).is_err());
    assert_eq!(backend.flushes(), 1);
}

#[test]
fn stale_permissions_answer_until_they_are_flushed() {
    let mut backend = MockBackend::new();
    map(&backend, run(0, 1));
    assert!(backend.access(0, vaddr(0), Access::Write).is_ok());
    let out = protect(&mut backend, area(0, 1), Permissions::READ);
    assert!(backend.access(0, vaddr(0), Access::Write).is_ok());
    backend.retire(out, ASID);
    assert!(backend.access(0, vaddr(0), Access::Write).is_err());
    assert!(read(&backend, 0, 0).is_ok());
}

#[test]
fn a_flush_clears_what_it_names_and_nothing_else() {
    let mut backend = MockBackend::new();
    map(&backend, run(0, 8));
    (0..8).for_each(|page| assert!(read(&backend, 0, page).is_ok()));
    // Taken out, and never flushed: a kernel's mistake, which has to stay visible.
    let lost = unmap(&mut backend, &[area(0, 2)]);
    let out = unmap(&mut backend, &[area(4, 2)]);
    backend.retire(out, ASID);
    let cached: Vec<_> = (0..8).map(|page| read(&backend, 0, page).is_ok()).collect();
    assert_eq!(cached, [true, true, true, true, false, false, true, true]);
    backend.retire(lost, ASID);
    assert!(read(&backend, 0, 0).is_err());
}

#[test]
fn more_ranges_than_a_flush_can_name_clear_everything() {
    let mut backend = MockBackend::new();
    map(&backend, run(0, 20));
    (0..20).for_each(|page| assert!(read(&backend, page, page).is_ok()));
    let pieces: Vec<_> = (0..10).map(|piece| area(2 * piece, 1)).collect();
    let out = unmap(&mut backend, &pieces);
    backend.retire(out, ASID);
    let cached: Vec<_> = (0..20)
        .map(|page| read(&backend, page, page).is_ok())
        .collect();
    assert_eq!(cached, [false, true].repeat(10));
    assert_eq!(backend.flushes(), 1);
}

#[test]
fn hidden_pages_are_neither_accessed_nor_cached() {
    let mut backend = MockBackend::new();
    map(&backend, run(0, 1));
    let out = protect(&mut backend, area(0, 1), Permissions::USER);
    backend.retire(out, ASID);
    assert_eq!(
        read(&backend, 0, 0),
        Err(Fault::NotMapped { vaddr: vaddr(0) })
    );
    let out = protect(&mut backend, area(0, 1), RW);
    backend.retire(out, ASID);
    assert_eq!(read(&backend, 0, 0), Ok(paddr(0)));
    assert_eq!(backend.flushes(), 1, "what was not valid needs no flush");
}

#[test]
fn edits_that_change_no_valid_entry_flush_nothing() {
    let mut backend = MockBackend::new();
    map(&backend, run(0, 1));
    for out in [
        Retired::new(),
        unmap(&mut backend, &[area(1, 7)]),
        protect(&mut backend, area(1, 7), RW),
        protect(&mut backend, area(0, 1), RW),
    ] {
        backend.retire(out, ASID);
    }
    assert_eq!(backend.flushes(), 0);
}

#[test]
fn reservations_are_counted_until_they_are_given_back() {
    let backend = MockBackend::new();
    let [first, second] = [(); 2].map(|()| backend.reserve([].into_iter()).unwrap());
    assert_eq!(backend.reservations(), 2);
    backend.unreserve(first);
    backend.unreserve(MockReserved::default());
    assert_eq!(backend.reservations(), 1);
    backend.unreserve(second);
    assert_eq!(backend.reservations(), 0);
}

#[test]
fn the_nth_reservation_fails_once() {
    let backend = MockBackend::default();
    let reserve = || {
        backend
            .reserve([Edit::Unmap(area(0, 1))].into_iter())
            .map(|reserved| backend.unreserve(reserved))
    };
    backend.fail_reservation(2);
    let refused = backend.reserve(
        [Edit::Map(Run {
            first: PhysAddr::new(1),
            ..run(0, 1)
        })]
        .into_iter(),
    );
    assert!(
        matches!(refused, Err(MapError::MisalignedPhys { .. })),
        "which does not count"
    );
    let answers = [(); 3].map(|()| reserve());
    assert_eq!(
        answers,
        [Ok(()), Err(MapError::OutOfFrames { needed: 1 }), Ok(())]
    );
    assert_eq!(backend.reservations(), 0);
}

#[test]
fn nothing_is_mapped_without_a_reservation() {
    let backend = MockBackend::new();
    backend.map(run(0, 1), &mut MockReserved::default());
    assert!(read(&backend, 0, 0).is_err());
}
