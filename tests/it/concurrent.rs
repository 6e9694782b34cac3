//! Many CPUs populate one space at once.

use std::thread;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{Permissions, VirtualMemoryManager};

use crate::subject::{PAGE, area, leaves, map};

const MIB: usize = 1 << 20;
const RW: Permissions = Permissions::READ.union(Permissions::WRITE);

#[test]
fn racing_populates_end_in_one_table_and_lose_no_frame() {
    const PAGES: usize = 3 * 512;
    let frames = HostFrames::new(256);
    for round in 0..200 {
        let mut space =
            VirtualMemoryManager::<Sv39<HostFrames>>::new(Sv39::new(frames.clone()).unwrap());
        space
            .add_memory_map(map(MIB, 0x8000_1000, PAGES * PAGE, RW))
            .unwrap();
        space
            .add_memory_map(map(64 * MIB, 0xc000_0000, 8 * MIB, RW))
            .unwrap();
        thread::scope(|scope| {
            for cpu in 0..4 {
                let space = &space;
                scope.spawn(move || {
                    let first = (round * 7 + cpu * 311) % 512;
                    space
                        .populate(area(MIB + first * PAGE, (PAGES - first) * PAGE))
                        .unwrap();
                    space.populate(area(64 * MIB, 8 * MIB)).unwrap();
                    space.populate(area(0, 128 * MIB)).unwrap();
                });
            }
        });
        space.check_invariants().unwrap();
        let superpages = leaves(space.backend())
            .iter()
            .filter(|run| run.area.size() == 2 * MIB)
            .count();
        assert_eq!((leaves(space.backend()).len(), superpages), (PAGES + 4, 4));
        assert_eq!(frames.frames_in_use(), 2 + 4);
    }
    assert_eq!(frames.frames_in_use(), 0);
}
