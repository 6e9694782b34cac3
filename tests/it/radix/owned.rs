//! Pages that the page table owns: what keeps them, what gives them back, when, and how dirty.

use kernel_vm::backend::Paging;
use kernel_vm::backend::radix::{AccessedDirty, Radix};
use kernel_vm::backend::{Edit, Entry, PageTableBackend};
use kernel_vm::{Access, FrameAllocator, MemoryType, Permissions, PhysAddr, VirtAddr};

use super::shape::{
    GIB, MIB, NONE, READ, RW, Shape, access, allowing, far, install, last, make, places, run, table,
};
use super::witness::{Event, Witness};
use crate::subject::{PAGE, area};

on_every_format! {
    protecting_keeps_usage_ownership_and_memory_type
    frames_stay_while_there_are_no_permissions
    frames_go_back_after_the_flush_and_not_before
    a_frame_is_dirty_when_its_leaf_says_so
    a_frame_of_a_hidden_page_is_as_dirty_as_before
    a_whole_table_gives_its_frames_back_without_a_look_at_others
    part_of_a_table_gives_its_frames_back_and_keeps_the_rest
    emptying_a_table_piece_by_piece_gives_all_back
    owned_and_physical_pages_share_a_table
    dropping_gives_every_frame_back_after_one_flush
}

fn dirtied(policy: AccessedDirty) -> bool {
    policy == AccessedDirty::Preset
}

/// The released frames and how dirty, and how many flushes there were before the first.
fn released(events: &[Event]) -> (usize, Vec<(PhysAddr, bool)>) {
    let is_release = |event: &&Event| matches!(event, Event::Release { .. });
    let first = events.iter().take_while(|event| !is_release(event));
    let flushes = first.filter(|event| matches!(event, Event::Flush(_)));
    let frames = events.iter().filter_map(|event| match event {
        Event::Release { at, dirty } => Some((*at, *dirty)),
        _ => None,
    });
    (flushes.count(), frames.collect())
}

fn protecting_keeps_usage_ownership_and_memory_type<F: Shape>() {
    for &policy in F::POLICIES {
        let mut table = table::<F>(policy);
        let frame = table.platform().alloc().unwrap();
        let edit = Edit::Map(run(PAGE, frame.addr().get(), PAGE, RW));
        let mut reserved = table.reserve([edit].into_iter()).unwrap();
        let mut attributes = allowing(RW);
        attributes.memory_type = MemoryType::NonCacheable;
        let page = VirtAddr::new(PAGE);
        table
            .install(page, frame, attributes, &mut reserved)
            .unwrap();
        table.unreserve(reserved);
        access(&table, PAGE, Access::Write);
        let before = last(&table, PAGE);
        for permissions in [READ, NONE, Permissions::USER, READ | Permissions::EXECUTE] {
            make(&mut table, Edit::Protect(area(PAGE, PAGE), permissions));
            let now = last(&table, PAGE);
            assert_eq!((now ^ before) & !F::DECIDED, 0, "{permissions}");
            assert_eq!(F::usage(now), F::usage(before), "{permissions}");
            table.check_invariants().unwrap();
        }
        make(&mut table, Edit::Protect(area(PAGE, PAGE), RW));
        assert_eq!(
            last(&table, PAGE) & !F::MEMORY,
            F::unwritable(before) & !F::MEMORY,
            "the next write decides"
        );
        let readable = table.populated(area(PAGE, PAGE)).next().unwrap();
        table.permit(readable, RW).unwrap();
        assert_eq!((last(&table, PAGE) ^ before) & !F::MEMORY, 0);
        make(&mut table, Edit::Unmap(area(PAGE, PAGE)));
        assert_eq!(table.platform().in_use(), 1);
    }
}

fn frames_stay_while_there_are_no_permissions<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let frames = [0, 1, 2].map(|page| install(&table, page * PAGE, RW));
    table.platform().take();
    make(&mut table, Edit::Protect(area(0, 3 * PAGE), NONE));
    make(&mut table, Edit::Protect(area(0, 3 * PAGE), RW));
    assert_eq!(released(&table.platform().take()).1, []);
    let leads = [0, 1, 2].map(|page| table.translate(VirtAddr::new(page * PAGE)));
    assert_eq!(leads, frames.map(Some));
}

fn frames_go_back_after_the_flush_and_not_before<F: Shape>() {
    for &policy in F::POLICIES {
        let mut table = table::<F>(policy);
        let frames = [0, 1, 2].map(|page| install(&table, page * PAGE, RW));
        let platform = table.platform().clone();
        platform.watch(places(&table, PAGE).pop().unwrap());
        platform.take();
        make(&mut table, Edit::Unmap(area(PAGE, PAGE)));
        let events = platform.take_watched();
        let [(Event::Flush(told), seen), (Event::Release { at, .. }, _)] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!(told.ranges.as_deref(), Some(&[area(PAGE, PAGE)][..]));
        assert_eq!((*at, seen & 1), (frames[1], 0));
        assert_eq!(table.entry(VirtAddr::new(PAGE)), Entry::Empty);
        assert_eq!(last(&table, PAGE), 0);
        make(&mut table, Edit::Unmap(area(0, 2 * MIB)));
        let (flushes, frames) = released(&platform.take());
        assert_eq!((flushes, frames.len()), (1, 2 + F::DEPTH - 1));
    }
}

fn a_frame_is_dirty_when_its_leaf_says_so<F: Shape>() {
    for &policy in F::POLICIES {
        for size in [PAGE, 2 * MIB] {
            let mut table = table::<F>(policy);
            // Beside it, so that the first of the two sizes leaves the table.
            install(&table, 9 * PAGE, RW);
            let [clean, read, written] = [0, 1, 2].map(|page| install(&table, page * PAGE, RW));
            access(&table, PAGE, Access::Read);
            access(&table, 2 * PAGE, Access::Write);
            table.platform().take();
            make(&mut table, Edit::Unmap(area(0, size.max(3 * PAGE))));
            let (_, frames) = released(&table.platform().take());
            let dirty = |frame| frames.iter().find(|(at, _)| *at == frame).unwrap().1;
            let seen = [clean, read, written].map(dirty);
            assert_eq!(seen, [dirtied(policy), dirtied(policy), true], "{policy:?}");
        }
    }
}

fn a_frame_of_a_hidden_page_is_as_dirty_as_before<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Hardware);
    let [clean, written] = [0, 1].map(|page| install(&table, page * PAGE, RW));
    access(&table, PAGE, Access::Write);
    make(&mut table, Edit::Protect(area(0, 2 * PAGE), NONE));
    table.platform().take();
    make(&mut table, Edit::Unmap(area(0, 2 * PAGE)));
    let (_, frames) = released(&table.platform().take());
    assert_eq!(frames[..2], [(clean, false), (written, true)]);
    assert_eq!(table.platform().in_use(), 1);
}

fn a_whole_table_gives_its_frames_back_without_a_look_at_others<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    for page in 0..64 {
        install(&table, 2 * MIB + 8 * page * PAGE, RW);
    }
    // A neighbour that must stay, in the table above.
    let stays = install(&table, 0, RW);
    table.platform().take();
    make(&mut table, Edit::Unmap(area(2 * MIB, 2 * MIB)));
    let (flushes, frames) = released(&table.platform().take());
    assert_eq!((flushes, frames.len()), (1, 64 + 1));
    assert_eq!(table.translate(VirtAddr::new(0)), Some(stays));
    make(&mut table, Edit::Unmap(area(0, GIB)));
    assert_eq!(table.platform().in_use(), 1);
}

fn part_of_a_table_gives_its_frames_back_and_keeps_the_rest<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let frames: Vec<_> = (0..8)
        .map(|page| install(&table, page * PAGE, RW))
        .collect();
    table.platform().take();
    make(&mut table, Edit::Unmap(area(2 * PAGE, 3 * PAGE)));
    let (flushes, given) = released(&table.platform().take());
    let given: Vec<_> = given.into_iter().map(|(at, _)| at).collect();
    assert_eq!((flushes, &given[..]), (1, &frames[2..5]));
    let leads = |page| table.translate(VirtAddr::new(page * PAGE));
    for (page, frame) in frames.iter().enumerate() {
        let stays = !(2..5).contains(&page);
        assert_eq!(leads(page), stays.then_some(*frame));
    }
    table.check_invariants().unwrap();
}

fn emptying_a_table_piece_by_piece_gives_all_back<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Hardware);
    let pages: Vec<usize> = (0..512).step_by(37).collect();
    for &page in &pages {
        install(&table, page * PAGE, RW);
    }
    for &page in &pages {
        make(&mut table, Edit::Unmap(area(page * PAGE, PAGE)));
        table.check_invariants().unwrap();
    }
    assert_eq!(table.platform().in_use(), 1);
}

fn owned_and_physical_pages_share_a_table<F: Shape>() {
    for &policy in F::POLICIES {
        let mut table = table::<F>(policy);
        let large = run(2 * MIB, 0x4000_0000, 2 * MIB, RW);
        make(&mut table, Edit::Map(large));
        // Where a superpage is split, a page of it can be replaced by one of ours.
        make(&mut table, Edit::Unmap(area(2 * MIB + PAGE, PAGE)));
        let frame = install(&table, 2 * MIB + PAGE, RW);
        table.check_invariants().unwrap();
        assert_eq!(table.translate(VirtAddr::new(2 * MIB + PAGE)), Some(frame));
        table.platform().take();
        make(&mut table, Edit::Unmap(large.area));
        let (flushes, frames) = released(&table.platform().take());
        assert_eq!(flushes, 1);
        assert_eq!(frames.iter().filter(|(at, _)| *at == frame).count(), 1);
        assert_eq!(frames.len(), 1 + F::DEPTH - 1, "no physical memory");
        assert_eq!(table.platform().in_use(), 1);
    }
}

fn dropping_gives_every_frame_back_after_one_flush<F: Shape>() {
    for &policy in F::POLICIES {
        let mut table: Radix<F, Witness> = table(policy);
        let places = [0, PAGE, 2 * MIB, 3 * GIB, F::LAST_LOW - 0xfff, far::<F>()];
        let frames = places.map(|page| install(&table, page, RW));
        make(&mut table, Edit::Protect(area(PAGE, PAGE), NONE));
        access(&table, 3 * GIB, Access::Write);
        let platform = table.platform().clone();
        platform.take();
        drop(table);
        let (flushes, given) = released(&platform.take());
        assert_eq!(flushes, 1);
        for (index, frame) in frames.into_iter().enumerate() {
            let seen: Vec<_> = given.iter().filter(|(at, _)| *at == frame).collect();
            assert_eq!(seen, [&(frame, index == 3 || dirtied(policy))]);
        }
        assert_eq!(platform.in_use(), 0);
    }
    // What was never used needs no flush.
    let table: Radix<F, Witness> = table(AccessedDirty::Preset);
    let platform = table.platform().clone();
    drop(table);
    assert_eq!(platform.flushes(), []);
}
