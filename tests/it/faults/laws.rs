//! Laws that are easily broken: each has been, in scratch.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::{Entry, PageTableBackend, Paging};
use kernel_vm::{Access, Asid, Attributes, Done, FrameAllocator, MapError, Permissions, Privilege};

use super::basics::{
    Pager, R, RW, allowed, anonymous, at, fault, frame_of, leaf, on_each, provided, read, space,
    space_on, ticket, write,
};
use super::kernel::{Object, Setting};
use super::mmu::Mmu;
use super::process::{Process, ProcessOn, addr};
use crate::subject::{PAGE, map, pages};

fn setting(policy: AccessedDirty) -> Setting {
    Setting {
        seed: 1,
        frames: 64,
        policy,
        is_lazy: false,
    }
}

on_each! {
    an_owned_leaf_gains_no_write_beside_physical_ones
    pages_that_move_take_their_frames_along
    a_guard_stays_a_guard
    a_ticket_is_good_for_one_space
    a_fault_gets_on_however_often_the_layout_changes
}

/// Tests of a process, on each MMU.
macro_rules! on_each_mmu {
    ($($name:ident)*) => {
        mod on_the_machine {
            use kernel_vm::backend::sv39::Sv39;
            use super::super::kernel::Kernel;
            $( #[test] fn $name() { super::$name::<Sv39<Kernel>>(); } )*
        }
        mod on_the_mock {
            use kernel_vm::backend::mock::MockBackend;
            use super::super::kernel::Kernel;
            $( #[test] fn $name() { super::$name::<MockBackend<Kernel>>(); } )*
        }
    };
}

on_each_mmu! {
    a_copy_takes_along_what_the_mmu_has_set
    a_frame_that_is_copied_from_goes_back_as_dirty_as_it_was
    a_page_that_only_the_kernel_wrote_is_dirty
    pages_keep_their_data_when_a_flush_panics_in_protect
}

/// Leaves in one table that differ in who owns them, and in nothing else.
fn an_owned_leaf_gains_no_write_beside_physical_ones<B: Pager>() {
    let frames = HostFrames::new(32);
    let mut space = space_on::<B>(&frames);
    let phys = map(0, 0x8020_0000, 4 * PAGE, R).with_payload(Object(0));
    space.add_memory_map(phys).unwrap();
    space.add_memory_map(provided(4, 4, R, false)).unwrap();
    space.populate(pages(0, 4)).unwrap();
    let cache = frame_of(&frames, 1);
    for page in 4..8 {
        let wanted = ticket(&space, page, Access::Read);
        space
            .supply(wanted, frames.share_frame(&cache).unwrap())
            .unwrap();
    }
    space.protect(pages(0, 8), RW).unwrap();
    assert_eq!(
        [0, 3, 4, 7].map(|page| allowed(&space, page)),
        [RW, RW, R, R]
    );
    assert_eq!(fault(&space, 5, Access::Write), Ok(Done::Copied));
    space.check_invariants().unwrap();
    // Taken and given back: what could be written before the change stays so only until it is taken.
    space.protect(pages(4, 4), R).unwrap();
    space.protect(pages(4, 4), RW).unwrap();
    assert_eq!(allowed(&space, 5), R);
    frames.release(cache, false);
}

#[test]
fn a_frame_whose_references_are_not_counted_is_not_replaced_while_others_may_read_it() {
    let frames = HostFrames::new(32);
    let uncounted = super::uncounted::Uncounted(frames.clone());
    let table = kernel_vm::backend::sv39::Sv39::new(uncounted.clone()).unwrap();
    let mut space = kernel_vm::VirtualMemoryManager::<_, Object>::for_payload(table);
    space.add_memory_map(anonymous(4, 1, RW)).unwrap();
    drop(
        space
            .handle_fault(at(4), Access::Write, Privilege::User)
            .unwrap(),
    );
    let Entry::Leaf(old) = space.backend().entry(at(4)) else {
        panic!("no leaf");
    };
    let frame = uncounted.alloc().unwrap();
    let lost = space
        .backend()
        .exchange(old, frame, Attributes::from(RW), Asid::new(0))
        .unwrap_err();
    assert_eq!(lost.error(), Some(MapError::Uncounted { addr: old.first }));
    uncounted.release(lost.into_frame(), false);
    space.write(at(4), &[1, 2, 3], Privilege::User).unwrap();
    assert!(space.pin(at(4), Access::Read, Privilege::User).is_err());
    drop(space);
    assert_eq!(frames.frames_in_use(), 0);
}

/// Whoever is last to give a frame back is not who wrote it.
fn a_page_that_only_the_kernel_wrote_is_dirty<B: Mmu>() {
    for policy in [AccessedDirty::Software, AccessedDirty::Hardware] {
        let process = ProcessOn::<B>::new(setting(policy));
        process.map(4, 2, RW, None, false);
        process.load(0, 4);
        process.load(0, 5);
        process.write(1, 4, 9);
        let written = process.space.borrow().translate_vaddr(addr(4)).unwrap();
        process.unmap(pages(4, 2));
        let dirty = process.kernel.0.dirty.take();
        assert_eq!(dirty.len(), 1, "{policy:?}");
        assert_eq!(dirty[0].get(), written.get() & !0xfff);
        process.end();
    }
}

/// The frame that was copied from is not dirty by the copy; what was written before is.
fn a_copy_takes_along_what_the_mmu_has_set<B: Mmu>() {
    let process = ProcessOn::<B>::new(setting(AccessedDirty::Hardware));
    process.map(4, 1, RW, Some((0, 0)), false);
    process.load(0, 4);
    process.store(0, 4, 5);
    assert_eq!(
        process.kernel.0.dirty.take(),
        [],
        "the cache's frame was read only"
    );
    process.unmap(pages(4, 1));
    assert_eq!(
        process.kernel.0.dirty.take().len(),
        1,
        "the copy was written"
    );
    process.end();
}

/// The page was written, then somebody took a reference, and it was made read-only for a while: the next write copies.
fn a_frame_that_is_copied_from_goes_back_as_dirty_as_it_was<B: Mmu>() {
    let process = ProcessOn::<B>::new(setting(AccessedDirty::Hardware));
    process.map(4, 1, RW, None, false);
    process.store(0, 4, 5);
    let pinned = process
        .space
        .borrow()
        .pin(addr(4), Access::Read, Privilege::User);
    let pinned = pinned.unwrap();
    process.protect(pages(4, 1), R);
    process.protect(pages(4, 1), RW);
    assert_eq!(process.kernel.0.dirty.take(), []);
    process.store(1, 4, 6);
    assert_eq!(process.kernel.0.dirty.take(), [pinned.addr()]);
    process.kernel.release(pinned, false);
    process.load(2, 4);
    process.end();
}

/// A verb that a panic has ended half way through a change of permissions.
fn pages_keep_their_data_when_a_flush_panics_in_protect<B: Mmu>() {
    let process = ProcessOn::<B>::new(setting(AccessedDirty::Preset));
    process.map(4, 3, RW, None, false);
    (4..7).for_each(|page| process.store(0, page, page as u64));
    process.kernel.0.panics.set(true);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        process.space.borrow_mut().protect(pages(5, 2), R).unwrap();
    }));
    assert!(caught.is_err());
    let refused = process
        .space
        .borrow()
        .handle_fault(addr(5), Access::Read, Privilege::User)
        .map(drop);
    assert!(refused.is_err(), "until that is put right");
    process.space.borrow_mut().unmap(pages(0, 1)).unwrap();
    process.check();
    (4..7).for_each(|page| process.load(1, page));
    process.store(1, 5, 50); // the maps are as they were
    process.load(2, 5);
    process.end();
}

/// No CPU that has cached nothing faults for ever, though `made_valid` does nothing: a fault fences here.
#[test]
fn a_page_that_becomes_valid_is_seen_by_whoever_faults_again() {
    for policy in [
        AccessedDirty::Preset,
        AccessedDirty::Software,
        AccessedDirty::Hardware,
    ] {
        for seed in 0..20 {
            let process = Process::new(Setting {
                seed,
                is_lazy: true,
                ..setting(policy)
            });
            process.map(511, 2, RW, None, false);
            let machine = &process.kernel.0.machine;
            (0..4).for_each(|cpu| machine.cpu(cpu).prefetch(addr(512)));
            process.store(0, 512, 3);
            (1..4).for_each(|cpu| process.load(cpu, 512));
            (1..4).for_each(|cpu| process.store(cpu, 512, cpu as u64));
            process.end();
        }
    }
}

fn pages_that_move_take_their_frames_along<B: Pager>() {
    let frames = HostFrames::new(32);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(anonymous(4, 3, RW)).unwrap();
    fault(&space, 4, Access::Write).unwrap();
    write(&space, 4, 44);
    let before = leaf(&space, 4).first;
    space.remap(pages(4, 3), pages(2000, 3)).unwrap();
    assert_eq!((leaf(&space, 2000).first, read(&space, 2000)), (before, 44));
    assert_eq!(fault(&space, 2001, Access::Read), Ok(Done::Zeroed));
    space.check_invariants().unwrap();
}

fn a_guard_stays_a_guard<B: Pager>() {
    let frames = HostFrames::new(32);
    let mut space = space_on::<B>(&frames);
    space
        .add_memory_map(anonymous(0, 1, Permissions::empty()))
        .unwrap();
    space.add_memory_map(anonymous(1, 7, RW)).unwrap();
    assert!(fault(&space, 0, Access::Write).is_err());
    assert_eq!(fault(&space, 1, Access::Write), Ok(Done::Zeroed));
    assert_eq!(space.memory_maps().count(), 2);
    space.populate(pages(0, 1)).unwrap();
    assert_eq!(space.resident(pages(0, 1)).count(), 0);
}

/// The two have had as many edits, and the same map at the same place.
fn a_ticket_is_good_for_one_space<B: Pager>() {
    let frames = HostFrames::new(32);
    let spaces = [0, 1].map(|_| {
        let mut space = space_on::<B>(&frames);
        space.add_memory_map(provided(4, 1, R, true)).unwrap();
        space
    });
    let wanted = ticket(&spaces[0], 4, Access::Read);
    let lost = spaces[1].supply(wanted, frame_of(&frames, 1)).unwrap_err();
    assert!(lost.is_stale());
    assert_eq!(spaces[1].resident(pages(0, 16)).count(), 0);
    assert_eq!(
        spaces[0].supply(wanted, lost.into_frame()),
        Ok(Done::Mapped)
    );
}

/// While the page comes from a disk, the layout changes each time. Who asks again under one hold gets on all the same.
fn a_fault_gets_on_however_often_the_layout_changes<B: Pager>() {
    let frames = HostFrames::new(64);
    let cache = frame_of(&frames, 1);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(provided(4, 8, RW, false)).unwrap();
    for page in 4..12 {
        let kept = ticket(&space, page, Access::Read);
        space.add_memory_map(anonymous(20, 1, RW)).unwrap();
        space.unmap(pages(20, 1)).unwrap();
        let page_read = frames.share_frame(&cache).unwrap();
        let lost = space.supply(kept, page_read).unwrap_err();
        assert!(
            lost.is_stale(),
            "a ticket that is kept over the wait is only a hope"
        );
        let again = ticket(&space, page, Access::Read);
        assert_eq!(space.supply(again, lost.into_frame()), Ok(Done::Mapped));
    }
    frames.release(cache, false);
}

/// The bytes are copied first, and then there is no table, or another CPU was first.
#[test]
fn a_frame_that_is_not_taken_comes_back_itself_and_not_its_copy() {
    let frames = HostFrames::new(64);
    let cache = frame_of(&frames, 1);
    let mut space = space(&frames);
    space.add_memory_map(provided(4, 1, RW, false)).unwrap();
    let wanted = ticket(&space, 4, Access::Write);
    let before = frames.frames_in_use();
    frames.fail_alloc(2);
    let refused = space.supply(wanted, frames.share_frame(&cache).unwrap());
    let lost = refused.unwrap_err();
    assert!(
        matches!(lost.error(), Some(MapError::OutOfFrames { .. })),
        "{lost}"
    );
    let frame = lost.into_frame();
    assert_eq!(
        (frame.addr(), frames.frames_in_use()),
        (cache.addr(), before)
    );
    assert_eq!(space.supply(wanted, frame), Ok(Done::Copied));
    let before = frames.frames_in_use();
    let late = space.supply(wanted, frames.share_frame(&cache).unwrap());
    let late = late.unwrap_err();
    assert!(matches!(late.found(), Some(Entry::Leaf(_))), "{late}");
    let frame = late.into_frame();
    assert_eq!(
        (frame.addr(), frames.frames_in_use()),
        (cache.addr(), before)
    );
    frames.release(frame, false);
    frames.release(cache, false);
}
