//! Taking permissions away, over maps and holes.

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{MapError, Permissions, VirtualMemoryManager, VirtualMemoryMap};

use super::platform::{Platform, R, RW, Space, space, write};
use crate::subject::{PAGE, area, pages};

fn anonymous(space: &mut Space, first: usize, count: usize, permissions: Permissions) {
    let map = VirtualMemoryMap::anonymous(pages(first, count), permissions).unwrap();
    space.add_memory_map(map).unwrap();
}

#[test]
fn maps_lose_what_is_not_kept_and_gain_nothing_in_one_flush() {
    let rx = R | Permissions::EXECUTE;
    let platform = Platform::new();
    let mut space = space(&platform);
    for (first, permissions) in [
        (4, RW),
        (8, rx),
        (12, Permissions::USER),
        (16, RW),
        (600, RW),
    ] {
        anonymous(&mut space, first, 2, permissions);
    }
    for page in [4, 5, 16, 17, 600] {
        write(&space, page, 7);
    }
    let flushes = platform.flushes.get();
    space.restrict(pages(5, 596), R).unwrap();
    space.check_invariants().unwrap();
    assert_eq!(platform.flushes.get(), flushes + 1);
    let maps = space.memory_maps();
    let seen: Vec<_> = maps.map(|map| (map.vmarea(), map.permissions())).collect();
    let expected = [
        (pages(4, 1), RW),
        (pages(5, 1), R),
        (pages(8, 2), R),
        (pages(12, 2), Permissions::USER),
        (pages(16, 2), R),
        (pages(600, 1), R),
        (pages(601, 1), RW),
    ];
    assert_eq!(seen, expected);
    space.restrict(pages(5, 596), R).unwrap();
    space
        .restrict(pages(100, 100), Permissions::empty())
        .unwrap();
    assert_eq!(
        platform.flushes.get(),
        flushes + 1,
        "nothing was left to take"
    );
}

#[test]
fn what_no_entry_can_say_is_refused_and_nothing_changes() {
    let platform = Platform::new();
    let mut space = space(&platform);
    anonymous(&mut space, 4, 2, RW);
    let refused = space.restrict(pages(4, 2), Permissions::WRITE);
    let permissions = Permissions::WRITE;
    assert_eq!(refused, Err(MapError::WriteWithoutRead { permissions }));
    let refused = space.restrict(area(0x1234, PAGE), R);
    assert!(matches!(refused, Err(MapError::Misaligned { .. })));
    assert_eq!(space.memory_maps().next().unwrap().permissions(), RW);
    // Where no map has WRITE, none keeps it alone.
    space.restrict(pages(4, 2), R).unwrap();
    space.restrict(pages(4, 2), Permissions::WRITE).unwrap();
    assert_eq!(
        space.memory_maps().next().unwrap().permissions(),
        Permissions::empty()
    );
}

/// A backend that refuses nothing has no say in this.
#[test]
fn a_space_without_a_page_table_refuses_the_same() {
    let mut space = VirtualMemoryManager::new(NoPageTable::new());
    let map = VirtualMemoryMap::anonymous(pages(4, 2), RW).unwrap();
    space.add_memory_map(map).unwrap();
    let permissions = Permissions::WRITE;
    assert_eq!(
        space.restrict(pages(4, 2), permissions),
        Err(MapError::WriteWithoutRead { permissions })
    );
    assert!(space.memory_maps().eq([map.view()]));
}

/// A large leaf at a border must be split for it.
#[test]
fn a_superpage_that_cannot_be_split_is_not_restricted() {
    let platform = Platform::new();
    let mut space = space(&platform);
    space
        .map(VirtualMemoryMap::identity(pages(512, 512), RW).unwrap())
        .unwrap();
    platform.failing.set(1);
    let refused = space.restrict(pages(600, 1), R);
    assert_eq!(refused, Err(MapError::OutOfFrames { needed: 1 }));
    assert_eq!(space.memory_maps().len(), 1);
    space.restrict(pages(600, 1), R).unwrap();
    assert_eq!(space.memory_maps().len(), 3);
    space.check_invariants().unwrap();
}
