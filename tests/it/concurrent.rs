//! Many CPUs populate one space at once, and look up in it.

use std::thread;

use kernel_vm::backend::mock::{HostFrames, NoPageTable};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{Permissions, PhysAddr, VirtAddr, VirtualMemoryManager};

use crate::subject::{PAGE, area, leaves, map, pages};
use crate::tree::{Random, Space};

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

/// From one map to the next, in pages; the maps have one less.
const STRIDE: usize = 4;

/// Where the page leads, by the map that has it.
fn frame(frames: &[Option<usize>], page: usize) -> Option<u64> {
    let frame = frames[page / STRIDE].filter(|_| page % STRIDE < STRIDE - 1)?;
    Some((frame + page % STRIDE) as u64)
}

/// Looks many addresses up, 9 in 10 near the one before, unless all are to be anywhere.
fn look_up(space: &Space, frames: &[Option<usize>], random: &mut Random, is_local: bool) {
    let mut near = 0;
    for _ in 0..20_000 {
        if !is_local || random.below(10) == 0 {
            near = random.below(frames.len());
        }
        let page = STRIDE * near + random.below(STRIDE);
        let addr = VirtAddr::new(page * PAGE + random.below(PAGE));
        let expected = frame(frames, page)
            .map(|frame| PhysAddr::new(frame * PAGE as u64 + (addr.get() % PAGE) as u64));
        assert_eq!(space.translate_vaddr(addr), expected, "{addr}");
        let found = space.search_memory_map(addr).map(|map| map.vmarea());
        assert_eq!(found, expected.map(|_| pages(STRIDE * near, STRIDE - 1)));
    }
}

#[test]
fn racing_lookups_are_all_right_before_and_after_edits() {
    const MAPS: usize = 1_000;
    const CPUS: usize = 8;
    let mut random = Random(11);
    let mut space = Space::new(NoPageTable::new());
    let mut frames = vec![None; MAPS];
    for round in 0..30 {
        // All maps at first, then a few come, go, or lead elsewhere, while the hints stay.
        let edits = if round == 0 { MAPS } else { 50 };
        for edit in 0..edits {
            let at = if round == 0 { edit } else { random.below(MAPS) };
            let area = pages(STRIDE * at, STRIDE - 1);
            frames[at] = Some(random.below(1 << 20)).filter(|frame| round == 0 || frame % 3 > 0);
            match frames[at] {
                Some(frame) => {
                    let (start, first) = (area.start().get(), (frame * PAGE) as u64);
                    let map = map(start, first, area.size(), Permissions::READ);
                    space.replace_memory_map(map).unwrap();
                }
                None => space.unmap(area).unwrap(),
            }
        }
        assert!(space.memory_maps().len() > MAPS / 2, "too few for hints");
        thread::scope(|scope| {
            for cpu in 0..CPUS {
                let (space, frames) = (&space, &frames);
                let mut random = Random((1 + round * CPUS + cpu) as u64);
                scope.spawn(move || look_up(space, frames, &mut random, cpu % 2 == 0));
            }
        });
    }
}
