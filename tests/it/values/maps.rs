//! Maps: two areas, permissions and a payload.

use kernel_vm::{MapError, MemoryType, Payload, Permissions, VirtualMemoryMap};

use super::phys;
use crate::subject::{area, map};

#[test]
fn a_map_has_two_areas_of_one_size_and_known_permissions() {
    let vmarea = area(0x1000, 0x1000);
    let differ = VirtualMemoryMap::new(vmarea, phys(0, 0x2000), Permissions::READ, false);
    assert_eq!(
        differ,
        Err(MapError::SizesDiffer {
            vmarea,
            pmarea: phys(0, 0x2000)
        })
    );
    let permissions = Permissions::from_bits_retain(0x11);
    let unknown = VirtualMemoryMap::new(vmarea, phys(0, 0x1000), permissions, false);
    assert_eq!(unknown, Err(MapError::UnknownPermissions { permissions }));
    let map = VirtualMemoryMap::new(vmarea, phys(0, 0x1000), Permissions::READ, true)
        .unwrap()
        .with_payload("libc");
    assert_eq!(
        (map.vmarea(), map.pmarea(), map.permissions()),
        (vmarea, Some(phys(0, 0x1000)), Permissions::READ)
    );
    assert_eq!(
        (map.is_shared(), *map.payload(), map.memory_type()),
        (true, "libc", MemoryType::Normal)
    );
}

/// An offset into an object, as a kernel would keep it.
#[derive(Debug, PartialEq, Eq)]
struct Offset(usize);

impl Payload for Offset {
    fn split_at(&mut self, offset: usize) -> Self {
        Self(self.0 + offset)
    }

    fn can_join(&self, len: usize, right: &Self) -> bool {
        self.0 + len == right.0
    }
}

#[test]
fn a_map_splits_at_an_offset_and_knows_its_other_half() {
    let mut left = map(0x1000, 0x8000_0000, 0x3000, Permissions::READ).with_payload(Offset(0x10));
    assert_eq!(
        (
            left.split_at(0),
            left.split_at(0x3000),
            left.split_at(usize::MAX)
        ),
        (None, None, None)
    );
    let right = left.split_at(0x1000).unwrap();
    assert_eq!(
        (left.vmarea(), left.pmarea()),
        (area(0x1000, 0x1000), Some(phys(0x8000_0000, 0x1000)))
    );
    assert_eq!(
        (right.vmarea(), right.pmarea()),
        (area(0x2000, 0x2000), Some(phys(0x8000_1000, 0x2000)))
    );
    assert_eq!(
        (left.payload(), right.payload()),
        (&Offset(0x10), &Offset(0x1010))
    );
    assert!(left.can_join(&right) && !right.can_join(&left) && !left.can_join(&left));
    assert!(
        !left
            .can_join(&map(0x2000, 0x8000_1000, 0x2000, Permissions::READ).with_payload(Offset(0)))
    );
}

#[test]
fn maps_join_only_when_everything_agrees() {
    let left = map(0x1000, 0x5000, 0x1000, Permissions::READ);
    let right = |start, first, permissions, is_shared| {
        let vmarea = area(start, 0x1000);
        VirtualMemoryMap::new(vmarea, phys(first, 0x1000), permissions, is_shared).unwrap()
    };
    assert!(left.can_join(&right(0x2000, 0x6000, Permissions::READ, false)));
    assert!(!left.can_join(&right(0x3000, 0x6000, Permissions::READ, false)));
    assert!(!left.can_join(&right(0x2000, 0x7000, Permissions::READ, false)));
    assert!(!left.can_join(&right(0x2000, 0x6000, Permissions::EXECUTE, false)));
    assert!(!left.can_join(&right(0x2000, 0x6000, Permissions::READ, true)));
    let device =
        right(0x2000, 0x6000, Permissions::READ, false).with_memory_type(MemoryType::Device);
    assert!(!left.can_join(&device));
}

/// Of two views, each field is compared.
#[test]
fn views_are_equal_where_their_maps_are() {
    let rw = Permissions::READ | Permissions::WRITE;
    let new = |start, first, size, permissions, is_shared, payload| {
        let (vmarea, memory) = (area(start, size), phys(first, size));
        let map = VirtualMemoryMap::new(vmarea, memory, permissions, is_shared);
        map.unwrap().with_payload(payload)
    };
    let map = new(0x1000, 0x8000, 0x2000, rw, false, "heap");
    assert_eq!(map.view(), map.view());
    assert_eq!(
        map.view(),
        new(0x1000, 0x8000, 0x2000, rw, false, "heap").view()
    );
    for other in [
        new(0x3000, 0x8000, 0x2000, rw, false, "heap"),
        new(0x1000, 0x9000, 0x2000, rw, false, "heap"),
        new(0x1000, 0x8000, 0x1000, rw, false, "heap"),
        new(0x1000, 0x8000, 0x2000, Permissions::READ, false, "heap"),
        new(0x1000, 0x8000, 0x2000, rw, true, "heap"),
        new(0x1000, 0x8000, 0x2000, rw, false, "stack"),
    ] {
        assert_ne!(map.view(), other.view(), "{other:?}");
    }
}
