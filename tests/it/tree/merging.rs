//! Changes of permissions that leave few maps of many: leaves merge while the rest of the area is still to be changed.

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{MapError, MapRef, MemoryArea};

use super::edits::{READ, RW, Space};
use crate::subject::{Builder as _, PAGE, map, pages};

/// A map for each page, each second of which may be written, so that no two are one.
fn stripes(count: usize) -> Space {
    let stripe = |page: usize| {
        let permissions = if page % 2 == 0 { READ } else { RW };
        map(page * PAGE, (page * PAGE) as u64, PAGE, permissions)
    };
    Space::new(NoPageTable::new()).with_all((0..count).map(stripe))
}

/// Changes every area of every third space to READ, from one leaf to several.
fn all_agree(change: impl Fn(&mut Space, MemoryArea) -> Result<(), MapError>) {
    for count in (1..200).step_by(3) {
        for first in (0..count).step_by(7) {
            for end in (first + 1..=count).rev().step_by(5) {
                let mut space = stripes(count);
                change(&mut space, pages(first, end - first)).unwrap();
                space.check_invariants().unwrap();
                let areas = space.memory_maps().map(MapRef::vmarea);
                assert_eq!(areas.map(MemoryArea::size).sum::<usize>(), count * PAGE);
                let mut writable = space.memory_maps().filter(|map| map.permissions() == RW);
                assert!(
                    writable.all(|map| !map.vmarea().overlaps(&pages(first, end - first))),
                    "{count} maps, pages {first} to {end}"
                );
            }
        }
    }
}

#[test]
fn all_of_an_area_loses_a_permission_while_leaves_merge() {
    all_agree(|space, area| space.protect(area, READ));
}

#[test]
fn all_of_an_area_is_restricted_while_leaves_merge() {
    all_agree(|space, area| space.restrict(area, READ));
}
