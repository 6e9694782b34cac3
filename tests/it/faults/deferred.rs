//! Deferred verbs: what waits, for whom, and until when.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use kernel_vm::backend::mock::{HostFrames, MockBackend, NoPageTable};
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::{
    Access, Answer, Done, FrameAllocator, MapError, Node, Payload, Permissions, Privilege, Settled,
    Stop, VirtualMemoryManager, VirtualMemoryMap,
};

use super::basics::{Pager, R, RW, Space, anonymous, at, fault, on_each, space, space_on};
use super::kernel::{Kernel, Object, Setting};
use super::process::{Process, addr};
use crate::subject::{PAGE, map, pages};

on_each! {
    frames_wait_until_somebody_settles
    tables_go_back_with_their_pages
    a_fault_beside_what_waits_needs_no_second_try
    what_is_deferred_is_settled_by_whatever_comes_next
    a_space_that_is_dropped_gives_back_what_waits
}

/// A space with resident pages 1 to 3, and a map at 5 and 6 that nobody has touched.
fn furnished<B: Pager>(frames: &HostFrames) -> Space<B> {
    let mut space = space_on::<B>(frames);
    space.add_memory_map(anonymous(1, 3, RW)).unwrap();
    space.add_memory_map(anonymous(5, 2, RW)).unwrap();
    (1..4).for_each(|page| _ = fault(&space, page, Access::Write).unwrap());
    space
}

fn frames_wait_until_somebody_settles<B: Pager>() {
    let frames = HostFrames::new(32);
    let mut space = furnished::<B>(&frames);
    let before = frames.frames_in_use();
    space.unmap_deferred(pages(2, 1)).unwrap();
    assert_eq!(space.memory_maps().len(), 3);
    assert_eq!(space.backend().entry(at(2)), Entry::Busy);
    assert_eq!(frames.frames_in_use(), before);
    space.check_invariants().unwrap();
    assert_eq!(space.settle(), Settled::Done);
    assert_eq!(space.backend().entry(at(2)), Entry::Empty);
    assert_eq!(frames.frames_in_use(), before - 1);
    let flushes = frames.flushes();
    assert_eq!(space.settle(), Settled::Done);
    space.unmap(pages(2, 1)).unwrap();
    assert_eq!(frames.flushes(), flushes, "nothing was left");
    space.check_invariants().unwrap();
}

fn tables_go_back_with_their_pages<B: Pager>() {
    let frames = HostFrames::new(32);
    let mut space = furnished::<B>(&frames);
    let before = frames.frames_in_use();
    // All that a table maps: it waits as a whole.
    space.add_memory_map(anonymous(512, 512, RW)).unwrap();
    for page in [600, 700] {
        fault(&space, page, Access::Write).unwrap();
    }
    space.unmap_deferred(pages(512, 512)).unwrap();
    assert!(frames.frames_in_use() >= before + 2);
    assert_eq!(space.settle(), Settled::Done);
    assert_eq!(frames.frames_in_use(), before);
    space.check_invariants().unwrap();
}

/// The table went with its pages, and another map needs one there.
fn a_fault_beside_what_waits_needs_no_second_try<B: Pager>() {
    let frames = HostFrames::new(32);
    let mut space = furnished::<B>(&frames);
    space.unmap_deferred(pages(1, 3)).unwrap();
    assert_eq!(fault(&space, 5, Access::Write), Ok(Done::Zeroed));
    space.unmap_deferred(pages(5, 1)).unwrap();
    space.prefault(pages(6, 1)).unwrap();
    assert!(matches!(space.backend().entry(at(6)), Entry::Leaf(_)));
    space.check_invariants().unwrap();
}

fn what_is_deferred_is_settled_by_whatever_comes_next<B: Pager>() {
    type Verb<B> = fn(&mut Space<B>);
    let verbs: [Verb<B>; 9] = [
        |space| space.add_memory_map(anonymous(1, 1, RW)).unwrap(),
        |space| space.unmap(pages(5, 1)).unwrap(),
        |space| space.protect(pages(5, 1), R).unwrap(),
        |space| space.remap(pages(5, 1), pages(1, 1)).unwrap(),
        |space| space.replace_memory_map(anonymous(1, 1, RW)).unwrap(),
        |space| space.discard(pages(5, 1)).unwrap(),
        |space| _ = space.remove_memory_map(1),
        |space| assert!(space.remove_memory_map_at(at(9)).is_none()),
        |space| space.set_asid(kernel_vm::Asid::new(3)),
    ];
    for verb in verbs {
        let frames = HostFrames::new(32);
        let mut space = furnished::<B>(&frames);
        let before = frames.frames_in_use();
        space.protect_deferred(pages(1, 3), R).unwrap();
        space.unmap_deferred(pages(1, 2)).unwrap();
        verb(&mut space);
        assert_eq!(frames.frames_in_use(), before - 2);
        assert_eq!(frames.flushes(), 1, "the two add up");
        space.check_invariants().unwrap();
    }
}

fn a_space_that_is_dropped_gives_back_what_waits<B: Pager>() {
    let frames = HostFrames::new(32);
    let mut space = furnished::<B>(&frames);
    space.unmap_deferred(pages(0, 8)).unwrap();
    assert_eq!(space.memory_maps().len(), 0);
    drop(space);
    assert_eq!(frames.frames_in_use(), 0);
}

const SETTING: Setting = Setting {
    seed: 1,
    frames: 64,
    policy: AccessedDirty::Preset,
    is_lazy: false,
};

/// A process on all CPUs with page 1, of which CPU 1 has cached that it may be written.
fn process(seed: u64) -> Rc<Process> {
    let process = Process::new(Setting { seed, ..SETTING });
    process.map(1, 1, RW, None, false);
    process.store(1, 1, 5);
    process.store(1, 1, 6);
    Rc::new(process)
}

/// Another reference, of a device, and a leaf without WRITE: the next write copies. CPU 1 may write the old frame until
/// the flush. Answers whether it has. Before that, a verb may have tried to settle, with a flush that panics.
fn copies_while_another_may_write(seed: u64, is_after_a_panic: bool) -> bool {
    let process = process(seed);
    let pin =
        |space: &Space<Sv39<Kernel>>| space.pin(at(1), Access::Write, Privilege::User).unwrap();
    let pinned = pin(&process.space.borrow());
    process.kernel.0.machine.cpu(1).prefetch(addr(1));
    {
        let mut space = process.space.borrow_mut();
        space.protect_deferred(pages(1, 1), R).unwrap();
        space.protect_deferred(pages(1, 1), RW).unwrap();
    }
    if is_after_a_panic {
        process.kernel.0.panics.set(true);
        let add = || {
            let mut space = process.space.borrow_mut();
            space.add_memory_map(anonymous(5, 1, RW))
        };
        assert!(catch_unwind(AssertUnwindSafe(add)).is_err());
    }
    let last = Rc::new(Cell::new(6));
    let (kernel, stored) = (process.kernel.clone(), last.clone());
    process.kernel.interrupt_with(move || {
        let word = stored.get() + 1;
        if kernel.0.machine.cpu(1).store_u64(addr(1), word).is_ok() {
            stored.set(word);
        }
    });
    let done = {
        let space = process.space.borrow();
        let answer = space.handle_fault(at(1), Access::Write, Privilege::User);
        let done = Done::Copied;
        matches!(answer, Ok(Answer::Resolved { done: found, .. }) if found == done)
    };
    assert!(done);
    process.kernel.no_interrupts();
    let mut bytes = [0; 8];
    let space = process.space.borrow();
    space.read(addr(1), &mut bytes, Privilege::User).unwrap();
    assert_eq!(u64::from_ne_bytes(bytes), last.get(), "a write was lost");
    process.kernel.release(pinned, false);
    last.get() > 6
}

#[test]
fn a_page_is_not_copied_while_a_cpu_may_still_write_it() {
    for is_after_a_panic in [false, true] {
        let written = |&seed: &u64| copies_while_another_may_write(seed, is_after_a_panic);
        assert!(
            (1..32).filter(written).count() > 4,
            "CPU 1 must write by its stale translation"
        );
    }
}

/// Lets one CPU settle, and another come in between: before the flush and after it.
fn beside_who_settles(process: &Rc<Process>, other: impl Fn(&Space<Sv39<Kernel>>) + 'static) {
    let (weak, seen) = (Rc::downgrade(process), Rc::new(Cell::new(0)));
    let count = seen.clone();
    process.kernel.interrupt_with(move || {
        let process = weak.upgrade().unwrap();
        other(&process.space.borrow());
        count.set(count.get() + 1);
    });
    assert!(!process.settle());
    process.kernel.no_interrupts();
    assert_eq!(seen.get(), 2);
}

#[test]
fn others_find_it_busy_while_one_settles() {
    let process = process(1);
    process.protect_deferred(pages(1, 1), R);
    beside_who_settles(&process, |space| assert_eq!(space.settle(), Settled::Busy));
    assert!(!process.settle());
}

/// Untouched pages: 9, of physical memory, between pages that wait; and one of anonymous memory without a table. The
/// notes are of pages 8 and 10, or (as there are too many to name) of everything.
fn with_untouched_pages(is_everything: bool) -> (Rc<Process>, Vec<usize>) {
    const FAR: usize = 0x1_0000;
    let process = process(1);
    {
        let mut space = process.space.borrow_mut();
        let memory = map(8 * PAGE, 0x1_0000_0000, 24 * PAGE, RW);
        space
            .add_memory_map(memory.with_payload(Object(0)))
            .unwrap();
        space.add_memory_map(anonymous(FAR, 1, RW)).unwrap();
        let count = if is_everything { 16 } else { 3 };
        for page in (8..8 + count).step_by(2) {
            space.populate(pages(page, 1)).unwrap();
        }
        space.protect_deferred(pages(8, count), R).unwrap();
    }
    (process, vec![9, FAR])
}

#[test]
fn who_touches_other_pages_waits_for_nobody_who_settles() {
    for is_everything in [false, true] {
        let (process, untouched) = with_untouched_pages(is_everything);
        beside_who_settles(&process, move |space| {
            for &page in &untouched {
                if space.backend().entry(at(page)) == Entry::Empty {
                    assert!(fault(space, page, Access::Read).is_ok());
                }
                assert!(matches!(space.backend().entry(at(page)), Entry::Leaf(_)));
            }
        });
    }
}

#[test]
fn pages_are_faulted_in_beside_who_settles() {
    for is_everything in [false, true] {
        let (process, untouched) = with_untouched_pages(is_everything);
        beside_who_settles(&process, move |space| {
            for &page in &untouched {
                space.prefault(pages(page, 1)).unwrap();
                assert!(matches!(space.backend().entry(at(page)), Entry::Leaf(_)));
            }
        });
    }
}

#[test]
fn a_page_that_another_cpu_was_at_and_that_is_not_there_is_not_told_for_done() {
    let frames = HostFrames::new(32);
    let mut space = space_on::<MockBackend<HostFrames>>(&frames);
    space.add_memory_map(anonymous(1, 3, RW)).unwrap();
    space.prefault(pages(1, 1)).unwrap();
    space.backend().lose_race(1);
    let stopped = space.prefault(pages(1, 3)).unwrap_err();
    let second = pages(2, 1).start();
    assert_eq!((stopped.at, stopped.why), (second, Stop::Fault));
    assert_eq!(space.resident(pages(1, 3)).count(), 1);
    space.prefault(pages(1, 3)).unwrap();
    assert_eq!(space.resident(pages(1, 3)).count(), 3);
}

#[test]
fn a_flush_that_panics_leaves_all_to_the_next_who_settles() {
    let process = process(1);
    let frames = process.kernel.0.machine.frames().clone();
    process.unmap_deferred(pages(1, 1));
    let before = frames.frames_in_use();
    process.kernel.0.panics.set(true);
    assert!(catch_unwind(AssertUnwindSafe(|| process.settle())).is_err());
    assert_eq!(frames.frames_in_use(), before);
    process.space.borrow().check_invariants().unwrap();
    assert!(!process.settle());
    assert_eq!(frames.frames_in_use(), before - 3);
    process.check();
}

/// A payload that owns something, and counts how many there are.
#[derive(Debug)]
struct Owner(Rc<()>);

impl Payload for Owner {
    fn split_at(&mut self, _offset: usize) -> Self {
        Self(self.0.clone())
    }

    fn can_join(&self, _len: usize, _right: &Self) -> bool {
        false
    }
}

fn owned(page: usize, owner: &Rc<()>) -> VirtualMemoryMap<Owner> {
    let map = map(page * PAGE, (page * PAGE) as u64, PAGE, Permissions::READ);
    map.with_payload(Owner(owner.clone()))
}

#[test]
fn payloads_wait_with_their_frames() {
    const MAPS: usize = 500;
    let (frames, owner) = (HostFrames::new(32), Rc::new(()));
    let mut space = VirtualMemoryManager::<_, Owner>::for_payload(Sv39::new(frames).unwrap());
    for page in 0..MAPS {
        space.add_memory_map(owned(2 * page, &owner)).unwrap();
    }
    space.populate_all().unwrap();
    // Pieces come between those that wait, before them and behind.
    for (first, count) in [(400, 100), (300, 2), (200, 400), (0, 2 * MAPS)] {
        space.unmap_deferred(pages(first, count)).unwrap();
        space.check_invariants().unwrap();
        assert_eq!(Rc::strong_count(&owner), MAPS + 1, "a payload did not wait");
    }
    assert_eq!(space.memory_maps().len(), 0);
    assert_eq!(space.settle(), Settled::Done);
    assert_eq!(
        Rc::strong_count(&owner),
        MAPS + 1,
        "nobody drops under `&self`"
    );
    space.unmap_deferred(pages(0, 1)).unwrap();
    assert_eq!(Rc::strong_count(&owner), 1);
    space.add_memory_map(owned(1, &owner)).unwrap();
    space.unmap_deferred(pages(1, 1)).unwrap();
    drop(space);
    assert_eq!(Rc::strong_count(&owner), 1);
}

#[test]
fn a_deferred_unmap_is_refused_where_its_pieces_have_no_node_to_wait_in() {
    let owner = Rc::new(());
    let nodes = || Box::leak((0..1).map(|_| Node::new()).collect());
    let mut space = VirtualMemoryManager::<_, Owner>::with_nodes(NoPageTable::new(), nodes());
    space.add_memory_map(owned(1, &owner)).unwrap();
    let refused = space.unmap_deferred(pages(1, 1));
    assert_eq!(refused, Err(MapError::OutOfNodes { needed: 1 }));
    assert_eq!(
        (space.memory_maps().len(), Rc::strong_count(&owner)),
        (1, 2)
    );
    space.unmap(pages(1, 1)).unwrap();
    assert_eq!(Rc::strong_count(&owner), 1);
    // Without a destructor nothing waits, and nothing is needed.
    let plain = Box::leak((0..1).map(|_| Node::new()).collect());
    let mut space = VirtualMemoryManager::<NoPageTable>::with_nodes(NoPageTable::new(), plain);
    space.add_memory_map(map(PAGE, 0, PAGE, R)).unwrap();
    space.unmap_deferred(pages(1, 1)).unwrap();
    assert_eq!(space.settle(), Settled::Done);
}

#[test]
fn pages_between_those_that_wait_stay() {
    let frames = HostFrames::new(32);
    let mut space = space(&frames);
    space.add_memory_map(anonymous(1, 13, RW)).unwrap();
    (1..14).for_each(|page| _ = fault(&space, page, Access::Write).unwrap());
    // More areas wait than are noted apart: what lies between two of them is walked, too.
    for page in (1..14).step_by(2) {
        space.unmap_deferred(pages(page, 1)).unwrap();
    }
    assert_eq!(space.settle(), Settled::Done);
    assert_eq!(space.resident(pages(0, 16)).count(), 6);
    // The root, two tables, and the pages that stay: the others have gone back one by one.
    assert_eq!(frames.frames_in_use(), 3 + 6);
    for page in (2..13).step_by(2) {
        assert!(matches!(space.backend().entry(at(page)), Entry::Leaf(_)));
    }
    space.check_invariants().unwrap();
}
