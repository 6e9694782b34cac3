//! All backends keep the laws.

use std::collections::BTreeSet;
use std::thread;

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::radix::{AccessedDirty, Features, Format, Radix};
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::sv48::Sv48Format;
use kernel_vm::backend::sv57::Sv57Format;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::testing::{page_table, paging, reservations};
use kernel_vm::{Attributes, MemoryArea, Permissions, PhysAddr, VirtAddr};

type Mock = MockBackend<HostFrames>;

#[test]
fn the_mock_keeps_the_laws() {
    page_table(MockBackend::new, MockBackend::reservations).unwrap();
}

#[test]
fn the_mock_keeps_the_laws_with_a_platform_and_leaks_nothing() {
    let frames = HostFrames::new(64);
    let make = || MockBackend::with_platform(frames.clone());
    let in_use = |mock: &Mock| mock.reservations() + frames.frames_in_use();
    page_table(make, in_use).unwrap();
    paging(make, in_use).unwrap();
    reservations(make, in_use, MockBackend::fail_reservation).unwrap();
    assert_eq!(frames.frames_in_use(), 0);
}

#[test]
fn sv39_keeps_the_laws_and_leaks_nothing() {
    keeps_the_laws::<Sv39Format>();
}

#[test]
fn sv48_keeps_the_laws_and_leaks_nothing() {
    keeps_the_laws::<Sv48Format>();
}

#[test]
fn sv57_keeps_the_laws_and_leaks_nothing() {
    keeps_the_laws::<Sv57Format>();
}

#[test]
fn x86_64_keeps_the_laws_with_four_levels_and_five() {
    keeps_the_laws::<X86_64Format<4>>();
    keeps_the_laws::<X86_64Format<5>>();
}

#[test]
fn aarch64_keeps_the_laws_with_four_levels_and_three() {
    keeps_the_laws::<Aarch64Format<4>>();
    keeps_the_laws::<Aarch64Format<3>>();
}

fn keeps_the_laws<F: Format>() {
    let frames = HostFrames::new(4096);
    let all = Features::new()
        .with_accessed_dirty(AccessedDirty::Hardware)
        .with_memory_types(true)
        .with_gib_leaves(true);
    let software = Features::new().with_accessed_dirty(AccessedDirty::Software);
    for features in [Features::new(), all, software] {
        let make = || Radix::<F, _>::with_features(frames.clone(), features).unwrap();
        page_table(make, |_| frames.frames_in_use()).unwrap();
        paging(make, |_| frames.frames_in_use()).unwrap();
    }
    assert_eq!(frames.frames_in_use(), 0);
}

#[test]
fn failed_reservations_change_nothing_in_the_mock() {
    let (in_use, fail) = (MockBackend::reservations, MockBackend::fail_reservation);
    reservations(MockBackend::new, in_use, fail).unwrap();
}

#[test]
fn failed_reservations_change_nothing_in_any_format() {
    fails_whole::<Sv39Format>();
    fails_whole::<Sv48Format>();
    fails_whole::<Sv57Format>();
    fails_whole::<Aarch64Format<4>>();
    fails_whole::<Aarch64Format<3>>();
    fails_whole::<X86_64Format<4>>();
    fails_whole::<X86_64Format<5>>();
}

fn fails_whole<F: Format>() {
    let frames = HostFrames::new(4096);
    let (in_use, fail) = (
        |_: &_| frames.frames_in_use(),
        |_: &_, n| frames.fail_alloc(n),
    );
    reservations(|| radix::<F>(&frames), in_use, fail).unwrap();
    assert_eq!(frames.frames_in_use(), 0);
}

#[test]
fn many_cpus_map_the_mock_at_once() {
    many_cpus_map_at_once(MockBackend::new(), MockBackend::reservations);
}

#[test]
fn many_cpus_map_each_architecture_at_once() {
    many_cpus_map_a_format_at_once::<Sv39Format>();
    many_cpus_map_a_format_at_once::<X86_64Format<4>>();
    many_cpus_map_a_format_at_once::<Aarch64Format<4>>();
}

fn many_cpus_map_a_format_at_once<F: Format>() {
    let frames = HostFrames::new(4096);
    many_cpus_map_at_once(radix::<F>(&frames), |_| frames.frames_in_use());
    assert_eq!(frames.frames_in_use(), 0);
}

fn radix<F: Format>(frames: &HostFrames) -> Radix<F, HostFrames> {
    Radix::new(frames.clone()).unwrap()
}

const PAGES: usize = 600;

/// Four CPUs map overlapping parts of the same pages, each to frames of its own: whoever is first at a page wins, every
/// page leads where one of them said, and nothing is left in use.
fn many_cpus_map_at_once<B: PageTableBackend + Sync>(mut backend: B, in_use: impl Fn(&B) -> usize) {
    let before = in_use(&backend);
    for round in 0..50 {
        thread::scope(|scope| {
            for cpu in 0..4 {
                let backend = &backend;
                scope.spawn(move || (0..8).for_each(|part| map(backend, own(cpu, round, part))));
            }
        });
        let area = MemoryArea::from_start_size(page(0), PAGES * B::PAGE_SIZE).unwrap();
        for index in 0..PAGES {
            let Entry::Leaf(run) = backend.entry(page(index)) else {
                panic!("page {index} is not there");
            };
            let wanted: BTreeSet<_> = (0..4).map(|cpu| target(cpu, page(index))).collect();
            assert!(wanted.contains(&run.translate(page(index)).unwrap()));
        }
        backend.check_invariants().unwrap();
        let mut out = kernel_vm::Retired::new();
        backend.unmap(area, &mut B::Reserved::default(), &mut out);
        backend.retire(out, kernel_vm::Asid::new(0));
        assert_eq!(in_use(&backend), before);
    }
}

fn map<B: PageTableBackend>(backend: &B, run: Run) {
    let mut reserved = backend.reserve([Edit::Map(run)].into_iter()).unwrap();
    backend.map(run, &mut reserved);
    backend.unreserve(reserved);
}

/// One of eight parts, not always in the same order, and wider than an eighth.
fn own(cpu: usize, round: usize, part: usize) -> Run {
    let part = (part * (2 * cpu + 1) + round) % 8;
    let first = (part * 75).saturating_sub(cpu);
    let pages = (PAGES - first).min(75 + 2 * cpu);
    let area = MemoryArea::from_start_size(page(first), pages * 4096).unwrap();
    let permissions = Permissions::READ | Permissions::WRITE;
    let attributes = Attributes::from(permissions);
    Run {
        area,
        first: target(cpu, page(first)),
        attributes,
    }
}

fn page(index: usize) -> VirtAddr {
    VirtAddr::new(0x3fff_0000 + index * 4096)
}

fn target(cpu: usize, addr: VirtAddr) -> PhysAddr {
    PhysAddr::new(0x1_0000_0000 * (cpu as u64 + 1) + addr.get() as u64)
}
