//! Pages of single bytes: the smallest page, and the most pages that a `usize` counts.

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{Permissions, VirtualMemoryManager};

use crate::subject::{area, map};

#[test]
fn the_largest_hole_of_pages_of_one_byte_is_found() {
    let all = area(0, usize::MAX);
    let mut space = VirtualMemoryManager::<NoPageTable<1, 1>>::new(NoPageTable::of_pages([all]));
    assert_eq!(space.largest_hole(all), Some(all));
    space
        .add_memory_map(map(5, 0, 3, Permissions::READ))
        .unwrap();
    assert_eq!(space.largest_hole(all), Some(area(8, usize::MAX - 8)));
    assert_eq!(space.largest_hole(area(0, 8)), Some(area(0, 5)));
    assert_eq!(space.largest_hole(area(5, 3)), None);
    space.check_invariants().unwrap();
}
