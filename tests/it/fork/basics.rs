//! What a child inherits, case by case.

use kernel_vm::backend::Entry;
use kernel_vm::{
    Access, Answer, Done, ForkError, FrameAllocator, Inherit, MapRef, Permissions, Privilege,
    SharedPages, VirtualMemoryMap,
};

use super::platform::{Forks, Platform, R, RW, Space, at, on_each, space_on, word, write};
use crate::subject::pages;

on_each! {
    whoever_writes_first_copies_and_the_last_sharer_reuses
    protect_and_back_does_not_let_two_spaces_write_one_page
    hidden_pages_go_along_and_come_back_with_their_bytes
    shared_memory_stays_shared_also_where_it_is_first_touched_after_the_fork
    maps_can_be_left_out_and_physical_ones_lead_to_the_same_place
    one_flush_for_many_maps_and_nothing_for_pages_that_are_not_there
    a_pinned_page_that_is_copied_at_once_stays_the_parents
    a_fork_that_cannot_be_is_refused_and_nothing_changes
    a_fork_that_runs_out_in_the_middle_leaves_both_as_they_were
}

fn anonymous<B: Forks>(space: &mut Space<B>, first: usize, count: usize) {
    let map = VirtualMemoryMap::anonymous(pages(first, count), RW).unwrap();
    space.add_memory_map(map).unwrap();
}

fn check<B: Forks>(spaces: &[&Space<B>]) {
    for space in spaces {
        space.check_invariants().unwrap();
    }
}

fn whoever_writes_first_copies_and_the_last_sharer_reuses<B: Forks>() {
    let platform = Platform::new();
    let mut parent = space_on::<B>(&platform);
    anonymous(&mut parent, 4, 3);
    write(&parent, 4, 7);
    write(&parent, 5, 8);
    let mut child = space_on::<B>(&platform);
    parent.fork_into(&mut child, Inherit::posix).unwrap();
    check(&[&parent, &child]);
    assert_eq!(write(&child, 4, 70), Some(Done::Copied));
    assert_eq!((word(&parent, 4), word(&child, 4)), (7, 70));
    assert_eq!(write(&parent, 4, 71), Some(Done::Reused));
    assert_eq!(write(&parent, 5, 80), Some(Done::Copied));
    assert_eq!((word(&parent, 5), word(&child, 5)), (80, 8));
    assert_eq!(write(&child, 5, 81), Some(Done::Reused));
    // A page that came after the fork is nobody else's.
    assert_eq!(write(&parent, 6, 1), Some(Done::Zeroed));
    assert_eq!(write(&child, 6, 2), Some(Done::Zeroed));
    assert_eq!((word(&parent, 6), word(&child, 6)), (1, 2));
    check(&[&parent, &child]);
    drop(parent);
    assert_eq!((word(&child, 4), word(&child, 5)), (70, 81));
    drop(child);
    assert_eq!(platform.frames.frames_in_use(), 0);
}

/// A right that is given back by `mprotect` must not let two spaces write one frame.
fn protect_and_back_does_not_let_two_spaces_write_one_page<B: Forks>() {
    let platform = Platform::new();
    let mut parent = space_on::<B>(&platform);
    anonymous(&mut parent, 4, 1);
    write(&parent, 4, 7);
    let mut child = space_on::<B>(&platform);
    parent.fork_into(&mut child, Inherit::posix).unwrap();
    for space in [&mut parent, &mut child] {
        space.protect(pages(4, 1), R).unwrap();
        space.protect(pages(4, 1), RW).unwrap();
    }
    assert_eq!(write(&child, 4, 8), Some(Done::Copied));
    assert_eq!((word(&parent, 4), word(&child, 4)), (7, 8));
}

fn hidden_pages_go_along_and_come_back_with_their_bytes<B: Forks>() {
    let platform = Platform::new();
    let mut parent = space_on::<B>(&platform);
    anonymous(&mut parent, 4, 1);
    write(&parent, 4, 7);
    parent.protect(pages(4, 1), Permissions::empty()).unwrap();
    let mut child = space_on::<B>(&platform);
    parent.fork_into(&mut child, Inherit::posix).unwrap();
    check(&[&parent, &child]);
    let hidden = child.backend().entry(at(4));
    assert!(matches!(hidden, Entry::Hidden(_)), "{hidden:?}");
    for space in [&mut parent, &mut child] {
        space.protect(pages(4, 1), RW).unwrap();
    }
    assert_eq!(write(&child, 4, 8), Some(Done::Copied));
    assert_eq!((word(&parent, 4), word(&child, 4)), (7, 8));
}

fn shared_memory_stays_shared_also_where_it_is_first_touched_after_the_fork<B: Forks>() {
    let platform = Platform::new();
    let object = SharedPages::new(platform.clone());
    assert_eq!((object.is_empty(), object.len()), (true, 0));
    let mut parent = space_on::<B>(&platform);
    let map = VirtualMemoryMap::provided(pages(4, 2), 0, RW, true).unwrap();
    parent.add_memory_map(map).unwrap();
    let touch = |space: &Space<B>, page: usize| {
        let answer = space.handle_fault(at(page), Access::Write, Privilege::User);
        let Ok(Answer::NeedsFrame { ticket, offset, .. }) = answer else {
            panic!("{answer:?}");
        };
        let frame = object.page(offset).unwrap();
        assert_eq!(space.supply(ticket, frame), Ok(Done::Dirtied));
    };
    touch(&parent, 4);
    let mut child = space_on::<B>(&platform);
    parent.fork_into(&mut child, Inherit::posix).unwrap();
    touch(&child, 4);
    touch(&child, 5);
    touch(&parent, 5);
    write(&parent, 4, 7);
    write(&child, 5, 8);
    assert_eq!((word(&child, 4), word(&parent, 5)), (7, 8));
    assert_eq!((object.is_empty(), object.len()), (false, 2));
}

fn maps_can_be_left_out_and_physical_ones_lead_to_the_same_place<B: Forks>() {
    let platform = Platform::new();
    let mut parent = space_on::<B>(&platform);
    anonymous(&mut parent, 4, 1);
    write(&parent, 4, 7);
    let device = VirtualMemoryMap::identity(pages(8, 2), RW).unwrap();
    parent.map(device).unwrap();
    let mut child = space_on::<B>(&platform);
    let inherit = |map: MapRef<'_>| {
        let device = map.pmarea().is_some();
        device.then_some((Inherit::Share, ()))
    };
    parent.fork_into(&mut child, inherit).unwrap();
    assert!(child.memory_maps().eq([device.view()]));
    assert_eq!(child.resident(pages(0, 64)).count(), 0);
    assert_eq!(platform.flushes.get(), 0);
    assert_eq!(write(&parent, 4, 8), None);
}

/// A thousand maps with holes between, and most of the address space, lazily.
fn one_flush_for_many_maps_and_nothing_for_pages_that_are_not_there<B: Forks>() {
    let platform = Platform::new();
    let mut parent = space_on::<B>(&platform);
    for map in 0..1000 {
        anonymous(&mut parent, 4 + 2 * map, 1);
    }
    anonymous(&mut parent, 1 << 20, 1 << 25);
    for map in [0, 1, 500, 999] {
        write(&parent, 4 + 2 * map, 7);
    }
    let (used, flushes) = (platform.frames.frames_in_use(), platform.flushes.get());
    let mut child = space_on::<B>(&platform);
    parent.fork_into(&mut child, Inherit::posix).unwrap();
    assert_eq!(platform.flushes.get(), flushes + 1);
    // A root, a table of each kind, and three tables of pages: pages 4 to 2,002.
    assert!(platform.frames.frames_in_use() <= used + B::ROOT + B::tables(4));
    assert_eq!(child.memory_maps().len(), 1001);
    assert_eq!(child.resident(pages(0, 4096)).count(), 4);
    check(&[&parent, &child]);
    // Nothing is left to be taken from the leaves.
    let mut second = space_on::<B>(&platform);
    parent.fork_into(&mut second, Inherit::posix).unwrap();
    assert_eq!(platform.flushes.get(), flushes + 1);
}

/// A device writes on, in the parent's frame, whoever of the two writes first.
fn a_pinned_page_that_is_copied_at_once_stays_the_parents<B: Forks>() {
    let platform = Platform::new();
    let mut parent = space_on::<B>(&platform);
    anonymous(&mut parent, 4, 2);
    write(&parent, 4, 7);
    let answer = parent.handle_fault(at(5), Access::Read, Privilege::User);
    assert!(answer.is_ok());
    let pinned = parent.pin(at(4), Access::Write, Privilege::User).unwrap();
    let mut child = space_on::<B>(&platform);
    let copy = |_: MapRef<'_>| Some((Inherit::Copy, ()));
    parent.fork_into(&mut child, copy).unwrap();
    check(&[&parent, &child]);
    assert_eq!(
        write(&parent, 4, 8),
        None,
        "it could be written all the time"
    );
    assert_eq!(write(&child, 4, 9), None);
    assert_eq!((word(&parent, 4), word(&child, 4)), (8, 9));
    assert_eq!(parent.translate_vaddr(at(4)), Some(pinned.addr()));
    assert_ne!(child.translate_vaddr(at(5)), parent.translate_vaddr(at(5)));
    platform.release(pinned, true);
    drop((parent, child));
    assert_eq!(platform.frames.frames_in_use(), 0);
}

fn a_fork_that_cannot_be_is_refused_and_nothing_changes<B: Forks>() {
    let platform = Platform::new();
    let mut parent = space_on::<B>(&platform);
    anonymous(&mut parent, 4, 1);
    write(&parent, 4, 7);
    let foreign = Platform::new();
    let mut child = space_on::<B>(&foreign);
    let refused = parent.fork_into(&mut child, Inherit::posix);
    assert_eq!(refused, Err(ForkError::ForeignAllocator));
    let mut child = space_on::<B>(&platform);
    anonymous(&mut child, 9, 1);
    let refused = parent.fork_into(&mut child, Inherit::posix);
    assert_eq!(refused, Err(ForkError::NotEmpty));
    assert_eq!(child.memory_maps().len(), 1);
    let mut child = space_on::<B>(&platform);
    let refused = parent.fork_into(&mut child, |_| Some((Inherit::Share, ())));
    let (area, inherit) = (pages(4, 1), Inherit::Share);
    assert_eq!(refused, Err(ForkError::Unsuited { area, inherit }));
    assert_eq!(child.memory_maps().len(), 0);
    assert_eq!(write(&parent, 4, 8), None, "it can be written as before");
}

/// Every n-th allocation and every n-th share fails: the child is empty again, and all counts are as before.
fn a_fork_that_runs_out_in_the_middle_leaves_both_as_they_were<B: Forks>() {
    let platform = Platform::new();
    let mut parent = space_on::<B>(&platform);
    // In two tables, beside memory that is copied at once.
    anonymous(&mut parent, 510, 4);
    let map = VirtualMemoryMap::anonymous(pages(2000, 2), RW).unwrap();
    parent.add_memory_map(map).unwrap();
    let resident = [510, 512, 513, 2000, 2001];
    for page in resident {
        write(&parent, page, page as u64);
    }
    let inherit = |map: MapRef<'_>| {
        let how = if map.vmarea() == pages(2000, 2) {
            Inherit::Copy
        } else {
            Inherit::CopyOnWrite
        };
        Some((how, ()))
    };
    let mut child = space_on::<B>(&platform);
    let used = platform.frames.frames_in_use();
    for n in 1.. {
        platform.failing.set(n);
        let flushes = platform.flushes.get();
        let forked = parent.fork_into(&mut child, inherit);
        platform.failing.set(0);
        check(&[&parent, &child]);
        if forked.is_ok() {
            // Three shares, two copies, and a table of each of two kinds with three of pages.
            assert_eq!(n, 1 + 3 + 2 + B::tables(3));
            break;
        }
        assert_eq!(child.memory_maps().len(), 0);
        assert_eq!(platform.frames.frames_in_use(), used);
        assert!(platform.flushes.get() <= flushes + 1, "the child's own");
        for page in resident {
            let frame = parent.translate_vaddr(at(page)).unwrap();
            assert_eq!(platform.references(frame), 1);
            assert_eq!(write(&parent, page, page as u64), None);
        }
    }
    for page in resident {
        assert_eq!(word(&child, page), page as u64);
    }
    drop((parent, child));
    assert_eq!(platform.frames.frames_in_use(), 0);
}
