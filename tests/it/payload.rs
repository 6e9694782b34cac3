//! Payloads that are large, and maps that are never given back.

use std::thread;

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{MapError, Payload, Permissions, VirtualMemoryManager, VirtualMemoryMap};

use crate::subject::{Builder as _, PAGE, map, pages};
use crate::tree::{Space, leak};

const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);

/// A payload of which a node has 64.
struct Large([u8; 1024]);

impl Payload for Large {
    fn split_at(&mut self, _offset: usize) -> Self {
        Self(self.0)
    }

    fn can_join(&self, _len: usize, right: &Self) -> bool {
        self.0 == right.0
    }
}

fn large(first: usize, count: usize) -> VirtualMemoryMap<Large> {
    let tag = u8::try_from(first % 7).unwrap();
    let phys = (first * PAGE) as u64;
    map(first * PAGE, phys, count * PAGE, READ).with_payload(Large([tag; 1024]))
}

/// Less than a node of large payloads has.
const STACK: usize = 48 << 10;

#[test]
fn no_verb_keeps_a_node_on_the_stack() {
    let verbs = || {
        let mut space = VirtualMemoryManager::<_, Large>::for_payload(NoPageTable::new());
        for at in 0..300 {
            space.add_memory_map(large(4 * at, 3)).unwrap();
        }
        space.unmap(pages(1, 1)).unwrap();
        space.protect(pages(5, 1), RW).unwrap();
        space.unmap(pages(8, 200)).unwrap();
        space.remap(pages(300, 3), pages(100_000, 3)).unwrap();
        space.replace_memory_map(large(400, 100)).unwrap();
        let more = (0..100).map(|at| large(5_000 + 2 * at, 1));
        space
            .restore_memory_maps(more)
            .map_err(MapError::from)
            .unwrap();
        space.check_invariants().unwrap();
        assert_eq!(space.remove_all_memory_maps().count(), 329);
    };
    let thread = thread::Builder::new().stack_size(STACK).spawn(verbs);
    thread.unwrap().join().unwrap();
}

#[test]
fn maps_that_were_refused_and_forgotten_take_no_more_nodes_along_than_they_are_in() {
    const NODES: usize = 8;
    let one = |at: usize| map(2 * at * PAGE, (7 * at * PAGE) as u64, PAGE, READ);
    let fill = |space: &mut Space| {
        let added = (0..).take_while(|&at| space.add_memory_map(one(at)).is_ok());
        added.count()
    };
    let mut space = Space::with_nodes(NoPageTable::new(), leak(NODES)).with(one(1_000));
    let few = [one(2_000), one(3_000), one(1_000)];
    let refused = space.restore_memory_maps(few).unwrap_err();
    assert!(matches!(refused.error(), MapError::Overlap { .. }));
    std::mem::forget(refused);
    space.unmap(pages(2_000, 1)).unwrap();
    let mut other = Space::with_nodes(NoPageTable::new(), leak(NODES - 1));
    assert_eq!(fill(&mut space), fill(&mut other));
}
