//! Every n-th allocation and reservation fails: all or nothing.

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::radix::{Format, Radix};
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::sv48::Sv48Format;
use kernel_vm::backend::sv57::Sv57Format;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::testing;
use kernel_vm::{FrameAllocator, MapError, Permissions, VirtualMemoryManager};

use crate::subject::{PAGE, Subject, area, map};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);

type Verb<B> = fn(&mut VirtualMemoryManager<B>) -> Result<(), MapError>;

/// A space with a gigapage, megapages, small pages, and one map that is not populated.
fn furnished<B: Subject>() -> VirtualMemoryManager<B> {
    let mut space = VirtualMemoryManager::new(B::fresh());
    let maps = [
        map(GIB, 0x8000_0000, 16 * MIB, RW),
        map(GIB + 32 * MIB, 0x9000_1000, 16 * PAGE, RW),
        map(8 * GIB - 2 * PAGE, 0xa000_1000, 4 * PAGE, READ),
    ];
    space.restore_memory_maps(maps).unwrap();
    space.populate(area(0, 16 * GIB)).unwrap();
    space
        .add_memory_map(map(4 * GIB - 3 * PAGE, 0xb000_0000, 6 * PAGE, RW))
        .unwrap();
    space
        .add_memory_map(map(4 * GIB + 3 * PAGE, 0xd000_0000, 6 * PAGE, RW))
        .unwrap();
    space
}

/// Lets the first, second, … allocation of `verb` fail until none does. Answers how many there were.
fn fail_each<B: Subject>(name: &str, verb: Verb<B>) -> usize {
    let state = |backend: &B| (backend.in_use(), backend.flushes());
    testing::all_or_nothing(|| Ok(furnished()), state, B::fail, verb)
        .unwrap_or_else(|broken| panic!("{name}: {broken}"))
}

fn verbs<B: Subject>() -> [(&'static str, usize, Verb<B>); 11] {
    [
        ("unmap part of a megapage", 1, |space| {
            space.unmap(area(GIB + PAGE, PAGE))
        }),
        ("unmap between two megapages", 2, |space| {
            space.unmap(area(GIB + PAGE, 2 * MIB))
        }),
        ("unmap whole megapages", 0, |space| {
            space.unmap(area(GIB + 2 * MIB, 4 * MIB))
        }),
        ("protect part of a megapage", 1, |space| {
            space.protect(area(GIB + PAGE, PAGE), READ)
        }),
        ("protect between two megapages", 2, |space| {
            space.protect(area(GIB + PAGE, 4 * MIB), READ)
        }),
        ("unmap between two megapages, deferred", 2, |space| {
            space.unmap_deferred(area(GIB + PAGE, 2 * MIB))
        }),
        ("protect part of a megapage, deferred", 1, |space| {
            space.protect_deferred(area(GIB + PAGE, PAGE), READ)
        }),
        ("protect nothing new", 0, |space| {
            space.protect(area(GIB + PAGE, PAGE), RW)
        }),
        ("replace across a megapage", 1, |space| {
            Ok(space.replace_memory_map(map(GIB + 14 * MIB + PAGE, 0, 8 * MIB, READ))?)
        }),
        // Two maps, on both sides of a 1 GiB border: each side needs two tables, and the maps share one pair.
        ("populate two maps", 4, |space| {
            space.populate(area(4 * GIB - 3 * PAGE, 12 * PAGE))
        }),
        // The new place: three tables at level 0, two at level 1. The old one: two megapages are cut.
        ("remap to small pages", 6, |space| {
            space.remap(area(GIB + PAGE, 4 * MIB), area(6 * GIB - 2 * MIB, 4 * MIB))
        }),
    ]
}

#[test]
fn every_failed_allocation_leaves_tree_table_and_frames_as_they_were() {
    fails_whole::<Sv39Format>();
    fails_whole::<Sv48Format>();
    fails_whole::<Sv57Format>();
    fails_whole::<X86_64Format<4>>();
    fails_whole::<X86_64Format<5>>();
    fails_whole::<Aarch64Format<4>>();
    fails_whole::<Aarch64Format<3>>();
}

fn fails_whole<F: Format>() {
    for (name, allocations, verb) in verbs::<Radix<F, HostFrames>>() {
        assert_eq!(fail_each(name, verb), allocations, "{name}");
    }
}

#[test]
fn every_failed_reservation_leaves_tree_and_table_as_they_were() {
    for (name, _, verb) in verbs::<MockBackend>() {
        assert_eq!(fail_each(name, verb), 1, "{name}");
    }
}

#[test]
fn a_verb_succeeds_with_exactly_the_frames_that_it_said_it_needs() {
    succeeds_with_as_many::<Sv39Format>();
    succeeds_with_as_many::<Sv48Format>();
    succeeds_with_as_many::<Sv57Format>();
    succeeds_with_as_many::<X86_64Format<4>>();
    succeeds_with_as_many::<X86_64Format<5>>();
    succeeds_with_as_many::<Aarch64Format<4>>();
    succeeds_with_as_many::<Aarch64Format<3>>();
}

fn succeeds_with_as_many<F: Format>() {
    for (name, needed, verb) in verbs::<Radix<F, HostFrames>>() {
        for spare in [needed, needed.saturating_sub(1)] {
            let mut space = furnished::<Radix<F, HostFrames>>();
            let frames = space.backend().platform().clone();
            let mut hoard: Vec<_> = std::iter::from_fn(|| frames.alloc()).collect();
            hoard
                .drain(..spare)
                .for_each(|frame| frames.release(frame, false));
            let expected = if spare == needed {
                Ok(())
            } else {
                Err(MapError::OutOfFrames { needed })
            };
            assert_eq!(verb(&mut space), expected, "{name}");
            hoard
                .drain(..)
                .for_each(|frame| frames.release(frame, false));
        }
    }
}

#[test]
fn moving_a_page_within_a_table_needs_no_frame() {
    moves_without_a_frame::<Sv39Format>();
    moves_without_a_frame::<X86_64Format<4>>();
    moves_without_a_frame::<Aarch64Format<4>>();
}

fn moves_without_a_frame<F: Format>() {
    let mut space = furnished::<Radix<F, HostFrames>>();
    let frames = space.backend().platform().clone();
    let hoard: Vec<_> = std::iter::from_fn(|| frames.alloc()).collect();
    let page = GIB + 32 * MIB;
    space
        .remap(area(page, PAGE), area(page + 64 * PAGE, PAGE))
        .unwrap();
    space
        .remap(area(page + 64 * PAGE, PAGE), area(page + PAGE, PAGE))
        .unwrap();
    hoard
        .into_iter()
        .for_each(|frame| frames.release(frame, false));
    space.check_invariants().unwrap();
}
