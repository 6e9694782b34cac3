//! One regression test for each defect of the code that this crate grew out of and of its neighbours, where it applies
//! to what the crate does and no other test says it in so many words.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::{
    Access, FrameAllocator, MapError, MemoryArea, Permissions, PhysAddr, VirtAddr,
    VirtualMemoryManager,
};
use kernel_vm::{VirtualMemoryMap, backend::mock::MockBackend};

use crate::subject::{Builder as _, PAGE, Subject, area, leaves, map, space};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);

type Sv39Space = VirtualMemoryManager<Sv39<HostFrames>>;

fn sv39() -> Sv39Space {
    space()
}

#[test]
fn search_and_translate_never_disagree_since_maps_never_overlap() {
    let mut space = sv39();
    space
        .add_memory_map(map(0x1000, 0x8000_0000, 0x2000, RW))
        .unwrap();
    assert!(
        space
            .add_memory_map(map(0x2000, 0x9000_0000, 0x2000, RW))
            .is_err()
    );
    let addr = VirtAddr::new(0x2345);
    assert_eq!(
        space.search_memory_map(addr).unwrap().translate(addr),
        space.translate_vaddr(addr)
    );
}

#[test]
fn a_map_never_reaches_frames_beyond_its_own() {
    let small = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), PAGE).unwrap();
    assert!(VirtualMemoryMap::new(area(0x1000, 0x1_0000), small, READ, false).is_err());
}

#[test]
fn a_restore_that_fails_loses_nothing() {
    let mut space = sv39();
    space
        .add_memory_map(map(0x5000, 0x8000_0000, 0x1000, RW))
        .unwrap();
    let maps = [
        map(0x1000, 0, 0x1000, RW),
        map(0x5000, 0, 0x1000, RW),
        map(0x9000, 0, 0x1000, RW),
    ];
    let refused = space.restore_memory_maps(maps).unwrap_err();
    assert_eq!(
        refused.error(),
        MapError::Overlap {
            existing: area(0x5000, 0x1000)
        }
    );
    let mut back: Vec<_> = refused
        .into_maps()
        .map(|map| map.vmarea().start().get())
        .collect();
    back.sort_unstable();
    assert_eq!(
        (back, space.memory_maps().count()),
        (vec![0x1000, 0x5000, 0x9000], 1)
    );
}

#[test]
fn removing_all_leaves_no_live_entry() {
    let mut space = sv39();
    space
        .add_memory_map(map(0x1000, 0x8000_0000, 0x1000, RW))
        .unwrap();
    space.populate(area(0x1000, 0x1000)).unwrap();
    drop(space.remove_all_memory_maps());
    assert_eq!(space.backend().entry(VirtAddr::new(0x1000)), Entry::Empty);
}

#[test]
fn one_map_stays_one_map_however_much_of_it_is_resident() {
    let mut space = sv39();
    space
        .add_memory_map(map(0x1000, 0x8000_0000, 65_536 * PAGE, RW))
        .unwrap();
    for page in (1..65_537).step_by(977) {
        space.populate(area(page * PAGE, PAGE)).unwrap();
    }
    assert_eq!(space.memory_maps().count(), 1);
}

#[test]
fn a_gap_is_not_found_beyond_its_limit_nor_inside_a_map() {
    let mut space = sv39();
    space
        .add_memory_map(map(0x1000, 0x8000_0000, 0x1000, RW))
        .unwrap();
    space
        .add_memory_map(map(0x9000, 0x8000_0000, 0x1000, RW))
        .unwrap();
    let limit = MemoryArea::try_from(VirtAddr::new(0x1000)..VirtAddr::new(0x2000)).unwrap();
    assert_eq!(space.find_free_area(PAGE, PAGE, limit), None);
    let inside = area(0x1800, 0x1000);
    assert_eq!(space.find_free_area(PAGE, PAGE, inside), None);
    assert!(
        !space.is_free(area(0x0, 0x1_0000)),
        "growth asks about all of it, not its first address"
    );
}

#[test]
fn a_protect_that_fails_reports_it_and_keeps_the_old_permissions() {
    let mut space = space::<MockBackend>().with(map(0x1000, 0x8000_0000, 0x1000, READ));
    space.backend().fail(1);
    assert!(matches!(
        space.protect(area(0x1000, 0x1000), RW),
        Err(MapError::OutOfFrames { .. })
    ));
    assert_eq!(space.get_memory_map(0).unwrap().permissions(), READ);
}

#[test]
fn replacing_keeps_the_old_when_the_new_cannot_be() {
    let mut space = space::<MockBackend>()
        .with(map(0x1000, 0x8000_0000, 0x4000, READ))
        .populated(area(0x1000, 0x4000));
    space.backend().fail(1);
    let refused = space
        .replace_memory_map(map(0x2000, 0x9000_0000, 0x1000, RW))
        .unwrap_err();
    assert_eq!(refused.into_map(), map(0x2000, 0x9000_0000, 0x1000, RW));
    assert_eq!(
        (space.memory_maps().count(), leaves(space.backend()).len()),
        (1, 4)
    );
}

#[test]
fn a_failed_populate_leaves_no_first_pages_behind() {
    let mut space = sv39();
    space
        .add_memory_map(map(0x1000, 0x8000_0000, 8 * MIB, RW))
        .unwrap();
    let in_use = space.backend().in_use();
    for n in 1..=6 {
        space.backend().fail(n);
        assert_eq!(
            space.populate(area(0x1000, 8 * MIB)),
            Err(MapError::OutOfFrames { needed: 6 })
        );
        assert_eq!(
            (leaves(space.backend()).len(), space.backend().in_use()),
            (0, in_use)
        );
    }
}

#[test]
fn unmapping_goes_on_behind_holes_and_over_huge_pages() {
    let mut space = sv39();
    space
        .add_memory_map(map(0x1000, 0x8000_0000, 0x1000, RW))
        .unwrap();
    space
        .add_memory_map(map(0x5000, 0x8000_0000, 0x1000, RW))
        .unwrap();
    space
        .add_memory_map(map(2 * MIB, 0x8020_0000, 2 * MIB, RW))
        .unwrap();
    space.populate(area(0, 16 * MIB)).unwrap();
    space.unmap(area(0, 16 * MIB)).unwrap();
    assert_eq!(
        (
            leaves(space.backend()).len(),
            space.memory_maps().count(),
            space.backend().in_use()
        ),
        (0, 0, 1)
    );
}

#[test]
fn a_lazy_reservation_costs_no_table_and_little_to_unmap() {
    let mut space = sv39();
    space.add_memory_map(map(0, 0, 256 * GIB, RW)).unwrap();
    assert_eq!(space.backend().in_use(), 1);
    space.protect(area(GIB, GIB), READ).unwrap();
    space.unmap(area(0, 256 * GIB)).unwrap();
    assert_eq!(
        (space.backend().in_use(), space.backend().flushes()),
        (1, 0)
    );
}

#[test]
fn emptied_intermediate_tables_are_flushed_as_tables() {
    // `flush.rs` holds the order; here: they do go, at every level.
    let mut space = sv39();
    space
        .add_memory_map(map(5 * GIB, 0x8000_1000, PAGE, RW))
        .unwrap();
    space.populate(area(5 * GIB, PAGE)).unwrap();
    assert_eq!(space.backend().in_use(), 3);
    space.unmap(area(5 * GIB, PAGE)).unwrap();
    assert_eq!(
        (space.backend().in_use(), space.backend().flushes()),
        (1, 1)
    );
}

#[test]
fn a_permission_upgrade_is_seen_at_once() {
    let mut space = space::<MockBackend>()
        .with(map(0x1000, 0x8000_0000, PAGE, READ))
        .populated(area(0x1000, PAGE));
    let addr = VirtAddr::new(0x1000);
    assert!(space.backend().access(3, addr, Access::Write).is_err());
    space.protect(area(0x1000, PAGE), RW).unwrap();
    assert!(space.backend().access(3, addr, Access::Write).is_ok());
}

#[test]
fn replacing_removes_every_map_in_the_way_not_only_the_first() {
    let mut space = sv39();
    for page in 1..9 {
        space
            .add_memory_map(map(page * PAGE, 0x8000_0000, PAGE, RW))
            .unwrap();
    }
    space
        .replace_memory_map(map(0x1000, 0x9000_0000, 8 * PAGE, READ))
        .unwrap();
    assert_eq!(space.memory_maps().count(), 1);
}

#[test]
fn replacing_never_reaches_past_what_the_backend_maps() {
    let mut space = sv39();
    let beyond = area(0x3f_ffff_f000, 2 * PAGE);
    let refused = space
        .replace_memory_map(map(0x3f_ffff_f000, 0, 2 * PAGE, READ))
        .unwrap_err();
    assert_eq!(refused.error(), MapError::OutOfRange { area: beyond });
}

#[test]
fn the_root_is_an_address_and_the_table_stays_the_managers() {
    let space = sv39();
    let root: PhysAddr = space.root_page_table();
    assert_eq!(space.backend().root(), root);
    let _ = space.backend().platform().reach(root);
}

#[test]
fn a_huge_length_is_refused_not_rounded_to_nothing() {
    assert!(MemoryArea::from_start_size(VirtAddr::new(PAGE), usize::MAX).is_err());
    let mut space = sv39();
    let huge = area(0, usize::MAX);
    assert_eq!(
        space.unmap(huge),
        Err(MapError::MisalignedSize {
            size: usize::MAX,
            align: PAGE
        })
    );
    assert_eq!(space.find_free_area(usize::MAX, PAGE, huge), None);
    assert_eq!(space.find_free_area(usize::MAX - 0xfff, PAGE, huge), None);
}
