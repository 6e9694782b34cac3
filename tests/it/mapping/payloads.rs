//! Payloads: split, joined and handed out with their maps.

use std::cell::RefCell;
use std::rc::Rc;

use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{Payload, VirtualMemoryManager};

use super::{READ, RW};
use crate::subject::{Builder as _, PAGE, area, leaves, map};

/// A payload that counts who is alive, and carries its offset.
struct Backing {
    offset: usize,
    dropped: Rc<RefCell<Vec<usize>>>,
}

impl Payload for Backing {
    fn split_at(&mut self, offset: usize) -> Self {
        Self {
            offset: self.offset + offset,
            dropped: Rc::clone(&self.dropped),
        }
    }

    fn can_join(&self, len: usize, right: &Self) -> bool {
        self.offset + len == right.offset
    }
}

impl Drop for Backing {
    fn drop(&mut self) {
        self.dropped.borrow_mut().push(self.offset);
    }
}

#[test]
fn payloads_are_split_joined_and_handed_out() {
    let dropped = Rc::new(RefCell::new(Vec::new()));
    let mut space = VirtualMemoryManager::<_, Backing>::for_payload(MockBackend::new());
    let payload = Backing {
        offset: 0x10_0000,
        dropped: Rc::clone(&dropped),
    };
    space
        .add_memory_map(map(0x1000, 0x8000_1000, 0x4000, RW).with_payload(payload))
        .unwrap();
    space.protect(area(0x2000, 0x1000), READ).unwrap();
    let offsets: Vec<_> = space
        .memory_maps()
        .map(|map| map.payload().offset)
        .collect();
    assert_eq!(offsets, [0x10_0000, 0x10_1000, 0x10_2000]);
    let mut cut = Vec::new();
    space.unmap_into(area(0x4000, 0x1000), &mut cut).unwrap();
    assert_eq!(
        (cut[0].payload().offset, dropped.borrow().len()),
        (0x10_3000, 0)
    );
    space.protect(area(0x2000, 0x1000), RW).unwrap();
    assert_eq!(
        (space.memory_maps().count(), dropped.take()),
        (1, vec![0x10_1000, 0x10_2000])
    );
    let maps: Vec<_> = space.remove_all_memory_maps().collect();
    assert!(dropped.borrow().is_empty());
    let refused = space.restore_memory_maps(maps.into_iter().chain([{
        let payload = Backing {
            offset: 7,
            dropped: Rc::clone(&dropped),
        };
        map(0x1000, 0, 0x1000, RW).with_payload(payload)
    }]));
    assert_eq!(refused.unwrap_err().into_maps().count(), 2);
}

/// A payload that never joins.
struct Lone;

impl Payload for Lone {
    fn split_at(&mut self, _offset: usize) -> Self {
        Self
    }

    fn can_join(&self, _len: usize, _right: &Self) -> bool {
        false
    }
}

#[test]
fn protecting_with_what_is_there_splits_neither_maps_nor_leaves() {
    const MIB: usize = 1 << 20;
    let backend = Sv39::new(HostFrames::new(16)).unwrap();
    let mut space = VirtualMemoryManager::<_, Lone>::for_payload(backend)
        .with(map(2 * MIB, 0x8020_0000, 2 * MIB, RW).with_payload(Lone))
        .populated(area(2 * MIB, 2 * MIB));
    space.protect(area(2 * MIB + PAGE, PAGE), RW).unwrap();
    space.check_invariants().unwrap();
    assert_eq!(
        (space.memory_maps().count(), leaves(space.backend()).len()),
        (1, 1)
    );
    space.protect(area(2 * MIB + PAGE, PAGE), READ).unwrap();
    space.protect(area(2 * MIB, 2 * MIB), RW).unwrap();
    space.check_invariants().unwrap();
    assert_eq!(
        (space.memory_maps().count(), leaves(space.backend()).len()),
        (3, 512)
    );
    space.remove_memory_map(1).unwrap();
    assert_eq!(
        (space.memory_maps().count(), leaves(space.backend()).len()),
        (2, 511)
    );
}
