//! What once went wrong.

use kernel_vm::backend::Paging;
use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::radix::{AccessedDirty, Features, Reserved};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{
    Access, Asid, Attributes, FrameAllocator, MapError, MemoryType, Permissions, PhysAddr, Retired,
    VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};

use crate::subject::{PAGE, area};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
const ASID: Asid = Asid::new(7);
const RW: Attributes = Attributes::new(
    Permissions::READ.union(Permissions::WRITE),
    MemoryType::Normal,
);

type Table = Sv39<HostFrames>;
type Space = VirtualMemoryManager<Table>;

fn space(frames: usize) -> (Space, HostFrames) {
    let frames = HostFrames::new(frames);
    (Space::new(Table::new(frames.clone()).unwrap()), frames)
}

fn run(start: usize, first: u64, size: usize) -> Run {
    Run {
        area: area(start, size),
        first: PhysAddr::new(first),
        attributes: RW,
    }
}

fn map(start: usize, first: u64, size: usize, is_shared: bool) -> VirtualMemoryMap {
    let pmarea = run(start, first, size).pmarea().unwrap();
    VirtualMemoryMap::new(area(start, size), pmarea, RW.permissions, is_shared).unwrap()
}

/// Gives the page table a frame of its own.
fn install(table: &Table, page: usize) -> PhysAddr {
    let frame = table.platform().alloc().unwrap();
    let at = frame.addr();
    let edit = Edit::Map(run(page, at.get(), PAGE));
    let mut reserved = table.reserve([edit].into_iter()).unwrap();
    table
        .install(VirtAddr::new(page), frame, RW, &mut reserved)
        .unwrap();
    table.unreserve(reserved);
    at
}

/// A space in which the table at `new` once had an owned page, and has a physical one now.
fn once_owned(new: usize) -> (Space, HostFrames) {
    let (mut space, frames) = space(64);
    space
        .add_memory_map(map(64 * MIB, 0x8000_0000, PAGE, false))
        .unwrap();
    space
        .add_memory_map(map(new, 0x9000_0000, 2 * PAGE, false))
        .unwrap();
    install(space.backend(), new);
    space.populate(area(new + PAGE, PAGE)).unwrap();
    space.unmap(area(new, PAGE)).unwrap();
    (space, frames)
}

#[test]
fn an_owned_page_moves_to_where_one_was_once() {
    let new = 3 * GIB;
    let (mut space, _) = once_owned(new);
    let frame = install(space.backend(), 64 * MIB);
    space
        .remap(area(64 * MIB, PAGE), area(new + PAGE, PAGE))
        .unwrap();
    let there = space.backend().translate(VirtAddr::new(new + PAGE));
    assert_eq!(there, Some(frame));
}

#[test]
fn a_move_to_where_an_owned_page_was_once_flushes_once() {
    let new = 3 * GIB;
    let (mut space, frames) = once_owned(new);
    space.populate(area(64 * MIB, PAGE)).unwrap();
    let before = frames.flushes();
    space
        .remap(area(64 * MIB, PAGE), area(new + PAGE, PAGE))
        .unwrap();
    assert_eq!(frames.flushes() - before, 1);
}

#[test]
fn no_leaf_crosses_a_border_after_a_move() {
    let (mut space, _) = space(64);
    let old = 65 * MIB;
    for (start, is_shared) in [(old, false), (old + MIB, true)] {
        let first = 0x8000_0000 + (start - old) as u64;
        space
            .add_memory_map(map(start, first, MIB, is_shared))
            .unwrap();
    }
    space.populate(area(old, 2 * MIB)).unwrap();
    space.remap(area(old, 2 * MIB), area(GIB, 2 * MIB)).unwrap();
    space.check_invariants().unwrap();
    assert!(space.remove_memory_map(0).is_some());
    let kept = space.backend().translate(VirtAddr::new(GIB + MIB));
    assert_eq!(kept, Some(PhysAddr::new(0x8010_0000)));
}

#[test]
fn a_page_that_moves_within_a_superpage_needs_two_tables_and_no_more() {
    for spare in 0..=2 {
        let (mut space, frames) = space(1 + spare);
        space
            .add_memory_map(map(GIB, 0x8000_0000, GIB, false))
            .unwrap();
        space.populate(area(GIB, GIB)).unwrap();
        let moved = space.remap(area(GIB, PAGE), area(GIB + 16 * PAGE, PAGE));
        let right = match spare {
            2 => Ok(()),
            _ => Err(MapError::OutOfFrames { needed: 2 }),
        };
        assert_eq!(moved, right, "{spare} to spare");
        assert_eq!(frames.frames_in_use(), if moved.is_ok() { 3 } else { 1 });
        space.check_invariants().unwrap();
    }
}

#[test]
fn a_frame_without_tables_says_how_many_it_takes() {
    let table = Table::new(HostFrames::new(64)).unwrap();
    let frame = table.platform().alloc().unwrap();
    let lost = table.install(VirtAddr::new(GIB), frame, RW, &mut Reserved::default());
    let lost = lost.unwrap_err();
    assert_eq!(lost.error(), Some(MapError::OutOfFrames { needed: 2 }));
    table.platform().release(lost.into_frame(), false);
}

#[test]
fn only_a_kernel_half_is_shared() {
    let frames = HostFrames::new(64);
    let other = Table::new(frames.clone()).unwrap();
    let refused = Table::with_kernel(frames.clone(), &other).unwrap_err();
    assert_eq!(refused, MapError::NotKernelHalf);
    assert_eq!(frames.frames_in_use(), 1);
}

#[test]
fn frames_that_were_set_aside_for_a_table_that_is_gone_are_nobody_elses() {
    for _ in 0..20 {
        let gone = Table::new(HostFrames::new(256)).unwrap();
        let edit = Edit::Map(run(GIB, 0x8000_0000, PAGE));
        let mut reserved = gone.reserve([edit].into_iter()).unwrap();
        drop(gone);
        let mut table = Table::new(HostFrames::new(256)).unwrap();
        table.edit(edit, ASID).unwrap();
        table.map(run(64 * GIB, 0x9000_0000, PAGE), &mut reserved);
        assert!(matches!(table.entry(VirtAddr::new(GIB)), Entry::Leaf(_)));
        assert_eq!(table.entry(VirtAddr::new(64 * GIB)), Entry::Empty);
        table.check_invariants().unwrap();
    }
}

#[test]
fn whoever_unmaps_a_part_of_a_page_unmaps_it() {
    let mut table = Table::new(HostFrames::new(64)).unwrap();
    table
        .edit(Edit::Map(run(GIB, 0x8000_0000, 3 * PAGE)), ASID)
        .unwrap();
    let mut out = Retired::new();
    table.unmap(area(GIB + 1, PAGE), &mut Reserved::default(), &mut out);
    table.retire(out, ASID);
    let left = [0, 1, 2].map(|page| table.translate(VirtAddr::new(GIB + page * PAGE)).is_some());
    assert_eq!(left, [false, false, true]);
}

#[test]
fn a_page_that_was_written_is_dirty_where_it_moves() {
    for accessed_dirty in [AccessedDirty::Software, AccessedDirty::Hardware] {
        let features = Features::new().with_accessed_dirty(accessed_dirty);
        let mut table = Table::with_features(HostFrames::new(64), features).unwrap();
        table
            .edit(Edit::Map(run(GIB, 0x8000_0000, PAGE)), ASID)
            .unwrap();
        table.touch(VirtAddr::new(GIB), Access::Write).unwrap();
        let (from, to) = (area(GIB, PAGE), area(2 * GIB, PAGE));
        table.edit(Edit::Shift { from, to }, ASID).unwrap();
        let (mut out, mut dirty) = (Retired::new(), Vec::new());
        table.harvest(to, &mut out, |usage| dirty.push(usage.dirty));
        table.retire(out, ASID);
        assert_eq!(dirty, [true], "{accessed_dirty:?}");
    }
}

#[test]
fn a_map_behind_an_unmap_that_waits_for_its_flush_gets_the_tables_it_needs() {
    let frames = HostFrames::new(64);
    let mut table = Table::new(frames.clone()).unwrap();
    table
        .edit(Edit::Map(run(GIB, 0x8000_1000, PAGE)), ASID)
        .unwrap();
    let area = area(GIB, PAGE);
    let mut reserved = table.reserve([Edit::Unmap(area)].into_iter()).unwrap();
    let mut out = Retired::new();
    table.unmap(area, &mut reserved, &mut out);
    table.unreserve(reserved);
    // The tables wait, too. Other pages below them want one that was never there.
    let behind = run(GIB + 2 * MIB - PAGE, 0x8000_1000, 2 * PAGE);
    let mut reserved = table.reserve([Edit::Map(behind)].into_iter()).unwrap();
    table.map_exclusive(behind, &mut reserved);
    table.unreserve(reserved);
    table.retire(out, ASID);
    let mapped: usize = table
        .populated(behind.area)
        .map(|run| run.area.size())
        .sum();
    assert_eq!(mapped, 2 * PAGE);
    table.check_invariants().unwrap();
    table.edit(Edit::Unmap(behind.area), ASID).unwrap();
    assert_eq!(frames.frames_in_use(), 1);
}

/// A large leaf at `GIB`, and a page far from it.
fn leaf_and_page() -> (Table, HostFrames) {
    let frames = HostFrames::new(64);
    let mut table = Table::new(frames.clone()).unwrap();
    for run in [
        run(GIB, 0x8000_0000, 2 * MIB),
        run(GIB + 64 * MIB, 0xa000_1000, PAGE),
    ] {
        table.edit(Edit::Map(run), ASID).unwrap();
    }
    (table, frames)
}

/// Makes edits in one verb, with one reservation, whose owned frames are retired before anything is mapped. Answers how
/// many frames were left over.
fn in_one_verb(table: &mut Table, frames: &HostFrames, edits: &[Edit]) -> usize {
    let mut reserved = table.reserve(edits.iter().copied()).unwrap();
    let mut out = Retired::new();
    for edit in edits {
        match *edit {
            Edit::Unmap(area) => table.unmap(area, &mut reserved, &mut out),
            Edit::Map(run) => {
                table.retire(std::mem::take(&mut out), ASID);
                table.map_exclusive(run, &mut reserved);
            }
            _ => panic!("no other edit is tried here"),
        }
    }
    table.retire(out, ASID);
    let before = frames.frames_in_use();
    table.unreserve(reserved);
    before - frames.frames_in_use()
}

#[test]
fn a_map_where_a_leaf_has_gone_in_two_parts_gets_its_table_beside_owned_pages() {
    let (mut table, frames) = leaf_and_page();
    install(&table, GIB + 2 * MIB);
    let edits = [
        Edit::Unmap(area(GIB, MIB)),
        Edit::Unmap(area(GIB + MIB, MIB + PAGE)),
        Edit::Map(run(GIB, 0x9000_1000, PAGE)),
    ];
    assert_eq!(in_one_verb(&mut table, &frames, &edits), 0);
    assert!(table.translate(VirtAddr::new(GIB)).is_some());
}

#[test]
fn a_leaf_far_from_what_is_unmapped_needs_no_table() {
    let (mut table, frames) = leaf_and_page();
    let edits = [
        Edit::Unmap(area(GIB + 64 * MIB, PAGE)),
        Edit::Map(run(GIB, 0x9000_1000, PAGE)),
    ];
    assert_eq!(in_one_verb(&mut table, &frames, &edits), 0);
    assert_eq!(
        table.translate(VirtAddr::new(GIB)),
        Some(PhysAddr::new(0x8000_0000)),
        "what is there stays"
    );
}
