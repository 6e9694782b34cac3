//! Every verb, by hand, on all backends.

mod payloads;
mod refusals;

use kernel_vm::backend::aarch64::{Aarch64, Aarch64Va39};
use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::x86_64::{X86_64, X86_64La57};
use kernel_vm::backend::{sv39::Sv39, sv48::Sv48, sv57::Sv57};
use kernel_vm::{Asid, MapError, MemoryArea, Permissions, PhysAddr, VirtAddr};

use crate::subject::{Builder as _, PAGE, Subject, area, leaves, map, pages, space};

use refusals::{
    adding_refuses_what_overlaps_and_hands_it_back, bad_permissions_are_refused_by_every_verb,
    misaligned_areas_are_refused_by_every_verb, physical_misalignment_and_overflow_are_refused,
    protecting_names_the_first_hole, remapping_refuses_to_grow_and_to_overlap,
};

const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);

/// Runs a test on all backends.
macro_rules! on_all {
    ($($name:ident)*) => {
        mod on_mock { $( #[test] fn $name() { super::$name::<super::MockBackend>(); } )* }
        mod on_sv39 { $( #[test] fn $name() { super::$name::<super::Sv39<super::HostFrames>>(); } )* }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_sv48 { $( #[test] fn $name() { super::$name::<super::Sv48<super::HostFrames>>(); } )* }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_sv57 { $( #[test] fn $name() { super::$name::<super::Sv57<super::HostFrames>>(); } )* }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_x86_64 { $( #[test] fn $name() { super::$name::<super::X86_64<super::HostFrames>>(); } )* }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_x86_64_la57 { $( #[test] fn $name() { super::$name::<super::X86_64La57<super::HostFrames>>(); } )* }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_aarch64 { $( #[test] fn $name() { super::$name::<super::Aarch64<super::HostFrames>>(); } )* }
        mod on_aarch64_va39 { $( #[test] fn $name() { super::$name::<super::Aarch64Va39<super::HostFrames>>(); } )* }
    };
}

on_all! {
    a_new_space_is_empty
    maps_are_found_by_address_and_by_position
    adding_refuses_what_overlaps_and_hands_it_back
    misaligned_areas_are_refused_by_every_verb
    bad_permissions_are_refused_by_every_verb
    physical_misalignment_and_overflow_are_refused
    neighbours_that_continue_each_other_join
    unmapping_the_middle_of_a_map_leaves_two
    replacing_takes_the_place_of_many_maps
    protecting_names_the_first_hole
    protecting_parts_of_maps_splits_and_joins
    remapping_moves_what_is_populated
    remapping_refuses_to_grow_and_to_overlap
    removing_all_ends_early_and_removes_the_rest
    restoring_adds_all_or_none
    free_areas_stay_inside_their_window
    the_space_prints_like_proc_maps
    a_dropped_space_leaves_nothing_in_use
    populating_twice_changes_nothing
    spaces_are_moved_to_the_last_page_too
}

fn a_new_space_is_empty<B: Subject>() {
    let mut space = space::<B>();
    assert_eq!(
        (space.asid(), space.memory_maps().count()),
        (Asid::new(0), 0)
    );
    space.set_asid(Asid::new(42));
    assert_eq!(
        (space.asid(), space.root_page_table()),
        (Asid::new(42), space.backend().root())
    );
    assert!(space.get_memory_map(0).is_none() && space.remove_memory_map(0).is_none());
    assert_eq!(space.remove_all_memory_maps().count(), 0);
    assert_eq!(space.backend().flushes(), 0);
}

fn maps_are_found_by_address_and_by_position<B: Subject>() {
    let mut space = space::<B>().with_all(
        [0x9000, 0x1000, 0x5000].map(|start| map(start, 0x8000_0000 + start as u64, 0x2000, RW)),
    );
    let starts: Vec<_> = space
        .memory_maps()
        .map(|map| map.vmarea().start().get())
        .collect();
    assert_eq!(starts, [0x1000, 0x5000, 0x9000]);
    let at = |addr| {
        (
            space.search_memory_map_idx(VirtAddr::new(addr)),
            space.translate_vaddr(VirtAddr::new(addr)),
        )
    };
    assert_eq!(at(0x1000), (Some(0), Some(PhysAddr::new(0x8000_1000))));
    assert_eq!(at(0x6fff), (Some(1), Some(PhysAddr::new(0x8000_6fff))));
    assert_eq!(
        (at(0x7000), at(0xfff), at(usize::MAX)),
        ((None, None), (None, None), (None, None))
    );
    assert!(space.get_memory_map(3).is_none() && space.get_memory_map(usize::MAX).is_none());
    let inside: Vec<_> = space
        .memory_maps_in(area(0x6fff, 0x2002))
        .map(|map| map.vmarea().start().get())
        .collect();
    assert_eq!(inside, [0x5000, 0x9000]);
    let removed = space.remove_memory_map(1).unwrap();
    assert_eq!(removed.vmarea(), area(0x5000, 0x2000));
    assert!(
        space.search_memory_map(VirtAddr::new(0x5000)).is_none()
            && space.remove_memory_map(2).is_none()
    );
}

fn neighbours_that_continue_each_other_join<B: Subject>() {
    let mut space = space::<B>()
        .with(map(0x1000, 0x8000_1000, 0x1000, RW))
        .with(map(0x3000, 0x8000_3000, 0x1000, RW))
        .with(map(0x2000, 0x8000_2000, 0x1000, RW));
    assert_eq!(
        space.to_string(),
        "00001000-00004000 rw-p 80001000 00:00 0\n"
    );
    space
        .add_memory_map(map(0x4000, 0x9000_0000, 0x1000, RW))
        .unwrap();
    assert_eq!(space.memory_maps().count(), 2);
}

fn unmapping_the_middle_of_a_map_leaves_two<B: Subject>() {
    let mut space = space::<B>()
        .with(map(0x1000, 0x8000_1000, 0x3000, RW))
        .populated(area(0x1000, 0x3000));
    let mut cut = Vec::new();
    space.unmap_into(area(0x2000, 0x1000), &mut cut).unwrap();
    assert_eq!(cut, [map(0x2000, 0x8000_2000, 0x1000, RW)]);
    let left = "00001000-00002000 rw-p 80001000 00:00 0\n00003000-00004000 rw-p 80003000 00:00 0\n";
    assert_eq!(space.to_string(), left);
    assert_eq!(
        (leaves(space.backend()).len(), space.backend().flushes()),
        (2, 1)
    );
    space.unmap(area(0x8000, 0x4000)).unwrap();
    assert_eq!(
        space.backend().flushes(),
        1,
        "nothing was there, so nothing is flushed"
    );
}

fn replacing_takes_the_place_of_many_maps<B: Subject>() {
    let mut space =
        space::<B>().with_all([1, 3, 5].map(|page| map(page * PAGE, 0x8000_0000, PAGE, RW)));
    space.populate(pages(0, 8)).unwrap();
    let mut cut = Vec::new();
    space
        .replace_memory_map_into(map(0x2000, 0x9000_0000, 0x4000, READ), &mut cut)
        .unwrap();
    assert_eq!(
        cut.iter()
            .map(|map| map.vmarea().start().get())
            .collect::<Vec<_>>(),
        [0x3000, 0x5000]
    );
    assert_eq!(
        (space.memory_maps().count(), space.backend().flushes()),
        (2, 1)
    );
    assert_eq!(leaves(space.backend()).len(), 1);
    space.check_invariants().unwrap();
}

fn protecting_parts_of_maps_splits_and_joins<B: Subject>() {
    let mut space = space::<B>()
        .with(map(0x1000, 0x8000_1000, 0x5000, RW))
        .populated(area(0x1000, 0x5000));
    space.protect(area(0x2000, 0x2000), READ).unwrap();
    assert_eq!(space.memory_maps().count(), 3);
    space.protect(area(0x1000, 0x2000), READ).unwrap();
    assert_eq!(space.memory_maps().count(), 2);
    space.protect(area(0x1000, 0x5000), READ).unwrap();
    assert_eq!(
        (space.memory_maps().count(), space.backend().flushes()),
        (1, 3)
    );
    space.protect(area(0x1000, 0x5000), READ).unwrap();
    assert_eq!(
        space.backend().flushes(),
        3,
        "nothing changed, so nothing is flushed"
    );
}

fn remapping_moves_what_is_populated<B: Subject>() {
    let mut space = space::<B>()
        .with(map(0x1000, 0x8000_1000, 0x3000, RW))
        .with(map(0x4000, 0x9000_0000, 0x1000, READ))
        .with(map(0x11000, 0xa000_0000, 0x1000, READ))
        .populated(area(0x2000, 0x2000));
    let mut cut = Vec::new();
    space
        .remap_into(area(0x1000, 0x4000), area(0x10000, 0x3000), &mut cut)
        .unwrap();
    let cut: Vec<_> = cut.iter().map(|map| map.vmarea().start().get()).collect();
    assert_eq!((cut, space.backend().flushes()), (vec![0x11000, 0x4000], 1));
    assert_eq!(
        space.to_string(),
        "00010000-00013000 rw-p 80001000 00:00 0\n"
    );
    let moved: Vec<_> = leaves(space.backend())
        .iter()
        .map(|run| (run.area.start().get(), run.first.get()))
        .collect();
    assert_eq!(moved, [(0x11000, 0x8000_2000), (0x12000, 0x8000_3000)]);
    space.check_invariants().unwrap();
}

fn removing_all_ends_early_and_removes_the_rest<B: Subject>() {
    let mut space = space::<B>();
    let in_use = space.backend().in_use();
    for page in [1, 3, 5] {
        space
            .add_memory_map(map(page * PAGE, 0x8000_0000, PAGE, RW))
            .unwrap();
    }
    space.populate(pages(0, 8)).unwrap();
    let mut removed = space.remove_all_memory_maps();
    assert_eq!(removed.next().unwrap().vmarea(), pages(1, 1));
    drop(removed);
    assert_eq!(
        (space.memory_maps().count(), leaves(space.backend()).len()),
        (0, 0)
    );
    assert_eq!(
        (space.backend().in_use(), space.backend().flushes()),
        (in_use, 1)
    );
}

fn restoring_adds_all_or_none<B: Subject>() {
    let mut space = space::<B>().with(map(0x5000, 0x8000_5000, 0x1000, RW));
    let good = || map(0x1000, 0x8000_1000, 0x1000, RW);
    let over_there = || map(0x5000, 0x8000_9000, 0x2000, RW);
    let over_itself = || map(0x1000, 0x8000_1000, 0x2000, RW);
    for bad in [over_there, over_itself] {
        let refused = space.restore_memory_maps([bad(), good()]).unwrap_err();
        assert!(matches!(refused.error(), MapError::Overlap { .. }));
        assert_eq!(refused.into_maps().count(), 2, "all maps come back");
        assert_eq!(space.memory_maps().count(), 1);
    }
    space
        .restore_memory_maps([map(0x6000, 0x8000_6000, 0x1000, RW), good()])
        .unwrap();
    let all = "00001000-00002000 rw-p 80001000 00:00 0\n00005000-00007000 rw-p 80005000 00:00 0\n";
    assert_eq!(space.to_string(), all);
}

fn free_areas_stay_inside_their_window<B: Subject>() {
    let space = space::<B>()
        .with(map(0x1000, 0x8000_0000, 0x1000, RW))
        .with(map(0x9000, 0x8000_0000, 0x1000, RW));
    let find = |size, align, start, end| {
        let within = MemoryArea::new(VirtAddr::new(start), VirtAddr::new(end)).unwrap();
        space
            .find_free_area(size, align, within)
            .map(|area| area.start().get())
    };
    assert_eq!(find(PAGE, 1, 0x1000, 0x1fff), None, "the window is full");
    assert_eq!(
        (find(PAGE, 1, 0, 0x1fff), find(2 * PAGE, 1, 0, 0x1_0000)),
        (Some(0), Some(0x2000))
    );
    assert_eq!(
        (
            find(PAGE, 0x4000, 0x800, 0x1_0000),
            find(7 * PAGE, 1, 0, 0x9fff)
        ),
        (Some(0x4000), Some(0x2000))
    );
    assert_eq!(find(8 * PAGE, 1, 0, 0x9fff), None);
    assert_eq!(
        (find(PAGE, 1, 0x2001, 0x3fff), find(PAGE, 1, 0x2001, 0x3ffe)),
        (Some(0x3000), None)
    );
    assert_eq!(
        (find(0, 1, 0, 0xffff), find(100, 1, 0, 0xffff)),
        (None, None)
    );
    assert_eq!(
        (find(PAGE, 0, 0, 0xffff), find(PAGE, 3, 0, 0xffff)),
        (None, None)
    );
    assert_eq!(
        (
            find(usize::MAX - 0xfff, 1, 0, usize::MAX - 1),
            find(PAGE, 1 << 63, 1, 0xffff)
        ),
        (None, None)
    );
    let top = B::LAST - 0xfff;
    assert_eq!(
        find(PAGE, 1, top, B::LAST),
        Some(top),
        "the last page of the space"
    );
}

fn the_space_prints_like_proc_maps<B: Subject>() {
    let space = space::<B>()
        .with(map(
            0x1000,
            0x8000_0000,
            0x1000,
            READ | Permissions::EXECUTE,
        ))
        .with(map(B::LAST - 0xfff, 0x8000_1000, 0x1000, RW));
    let (start, end) = (B::LAST - 0xfff, B::LAST as u128 + 1);
    let text = format!(
        "00001000-00002000 r-xp 80000000 00:00 0\n{start:x}-{end:x} rw-p 80001000 00:00 0\n"
    );
    assert_eq!(space.to_string(), text);
}

fn a_dropped_space_leaves_nothing_in_use<B: Subject>() {
    let space = space::<B>()
        .with(map(0x1000, 0x8000_1000, 0x30_0000, RW))
        .populated(area(0x1000, 0x30_0000));
    drop(space);
}

fn populating_twice_changes_nothing<B: Subject>() {
    let space = space::<B>()
        .with(map(0x1000, 0x8000_1000, 0x30_0000, RW))
        .populated(area(0x2000, 0x2000))
        .populated(area(0x1000, 0x30_0000));
    let (before, in_use) = (leaves(space.backend()), space.backend().in_use());
    space.populate(area(0, 0x40_0000)).unwrap();
    assert_eq!(
        (leaves(space.backend()), space.backend().in_use()),
        (before, in_use)
    );
    assert_eq!(space.backend().flushes(), 0);
}

fn spaces_are_moved_to_the_last_page_too<B: Subject>() {
    let mut space = space::<B>();
    let top = area(B::LAST - 0x1fff, 0x2000);
    space
        .add_memory_map(map(0x1000, 0x8000_1000, 0x2000, RW))
        .unwrap();
    space.populate(area(0x1000, 0x2000)).unwrap();
    space.remap(area(0x1000, 0x2000), top).unwrap();
    assert_eq!(
        space.translate_vaddr(VirtAddr::new(B::LAST)),
        Some(PhysAddr::new(0x8000_2fff))
    );
    space.protect(area(B::LAST - 0xfff, 0x1000), READ).unwrap();
    space.unmap(area(B::LAST - 0xfff, 0x1000)).unwrap();
    assert_eq!(leaves(space.backend()).len(), 1);
    space.check_invariants().unwrap();
}
