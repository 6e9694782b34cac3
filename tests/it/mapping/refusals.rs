//! Verbs that are refused, on all backends: the error says why, and nothing has changed.

use kernel_vm::{MapError, Permissions, PhysAddr, VirtAddr};

use super::{READ, RW};
use crate::subject::{Builder as _, PAGE, Subject, area, map, space};

pub fn adding_refuses_what_overlaps_and_hands_it_back<B: Subject>() {
    let mut space = space::<B>().with(map(0x3000, 0x8000_0000, 0x2000, RW));
    for (start, size) in [
        (0x3000, 0x1000),
        (0x1000, 0x3000),
        (0x4000, 0x4000),
        (0x1000, 0x8000),
    ] {
        let refused = space
            .add_memory_map(map(start, 0x8000_0000, size, READ))
            .unwrap_err();
        assert_eq!(
            refused.error(),
            MapError::Overlap {
                existing: area(0x3000, 0x2000)
            }
        );
        assert_eq!(
            refused.to_string(),
            "area overlaps the map at 0x3000..=0x4fff"
        );
        assert_eq!(refused.into_map(), map(start, 0x8000_0000, size, READ));
    }
    assert_eq!(space.memory_maps().count(), 1);
}

pub fn misaligned_areas_are_refused_by_every_verb<B: Subject>() {
    let mut space = space::<B>().with(map(0x1000, 0x8000_0000, 0x4000, RW));
    let good = area(0x8000, 0x1000);
    let start = (
        area(0x1001, 0x1000),
        MapError::Misaligned {
            addr: VirtAddr::new(0x1001),
            align: PAGE,
        },
    );
    let size = (
        area(0x1000, 0x800),
        MapError::MisalignedSize {
            size: 0x800,
            align: PAGE,
        },
    );
    for (bad, error) in [start, size] {
        assert_eq!(space.unmap(bad), Err(error));
        assert_eq!(space.protect(bad, READ), Err(error));
        assert_eq!(space.populate(bad), Err(error));
        assert_eq!(space.remap(bad, good), Err(error));
        assert_eq!(space.remap(good, bad), Err(error));
        let map = || map(bad.start().get(), 0x8000_0000, bad.size(), RW);
        assert_eq!(space.add_memory_map(map()).unwrap_err().error(), error);
        assert_eq!(space.replace_memory_map(map()).unwrap_err().error(), error);
        assert_eq!(
            space.restore_memory_maps([map()]).unwrap_err().error(),
            error
        );
    }
    assert_eq!(
        space.to_string(),
        "00001000-00005000 rw-p 80000000 00:00 0\n"
    );
}

pub fn bad_permissions_are_refused_by_every_verb<B: Subject>() {
    let mut space = space::<B>().with(map(0x1000, 0x8000_0000, 0x1000, RW));
    for permissions in [
        Permissions::WRITE,
        Permissions::WRITE | Permissions::EXECUTE | Permissions::USER,
    ] {
        let error = MapError::WriteWithoutRead { permissions };
        assert_eq!(
            space
                .add_memory_map(map(0x5000, 0, 0x1000, permissions))
                .unwrap_err()
                .error(),
            error
        );
        assert_eq!(
            space
                .replace_memory_map(map(0x1000, 0, 0x1000, permissions))
                .unwrap_err()
                .error(),
            error
        );
        assert_eq!(space.protect(area(0x1000, 0x1000), permissions), Err(error));
    }
    let permissions = Permissions::from_bits_retain(0x21);
    assert_eq!(
        space.protect(area(0x1000, 0x1000), permissions),
        Err(MapError::UnknownPermissions { permissions })
    );
    assert_eq!(
        space.to_string(),
        "00001000-00002000 rw-p 80000000 00:00 0\n"
    );
}

pub fn physical_misalignment_and_overflow_are_refused<B: Subject>() {
    let mut space = space::<B>();
    let misaligned = space
        .add_memory_map(map(0x1000, 0x8000_0010, 0x1000, RW))
        .unwrap_err()
        .error();
    assert_eq!(
        misaligned,
        MapError::MisalignedPhys {
            addr: PhysAddr::new(0x8000_0010),
            align: PAGE
        }
    );
    let top = map(0x1000, u64::MAX - 0xfff, 0x1000, RW);
    let pmarea = top.pmarea().unwrap();
    assert_eq!(
        space.add_memory_map(top).unwrap_err().error(),
        MapError::PhysOutOfRange { area: pmarea }
    );
}

pub fn protecting_names_the_first_hole<B: Subject>() {
    let mut space = space::<B>()
        .with(map(0x1000, 0x8000_1000, 0x1000, RW))
        .with(map(0x4000, 0x8000_4000, 0x1000, RW));
    let hole = |start, size| {
        Err(MapError::NotMapped {
            hole: area(start, size),
        })
    };
    assert_eq!(
        space.protect(area(0x1000, 0x4000), READ),
        hole(0x2000, 0x2000)
    );
    assert_eq!(
        space.protect(area(0x1000, 0x2000), READ),
        hole(0x2000, 0x1000)
    );
    assert_eq!(
        space.protect(area(0x0000, 0x2000), READ),
        hole(0x0000, 0x1000)
    );
    assert_eq!(
        space.protect(area(0x4000, 0x4000), READ),
        hole(0x5000, 0x3000)
    );
    assert!(space.memory_maps().all(|map| map.permissions() == RW));
}

pub fn remapping_refuses_to_grow_and_to_overlap<B: Subject>() {
    let mut space = space::<B>().with(map(0x1000, 0x8000_1000, 0x3000, RW));
    let (old, large, near) = (
        area(0x1000, 0x3000),
        area(0x1000, 0x4000),
        area(0x2000, 0x3000),
    );
    assert_eq!(
        space.remap(old, large),
        Err(MapError::CannotGrow { old, new: large })
    );
    assert_eq!(
        space.remap(old, near),
        Err(MapError::MovesOntoItself { old, new: near })
    );
    let hole = area(0x4000, 0x1000);
    assert_eq!(
        space.remap(area(0x1000, 0x4000), area(0x8000, 0x4000)),
        Err(MapError::NotMapped { hole })
    );
    space.remap(old, old).unwrap();
    space.remap(old, area(0x1000, 0x1000)).unwrap();
    assert_eq!(
        space.to_string(),
        "00001000-00002000 rw-p 80001000 00:00 0\n"
    );
}
