//! Many CPUs install and exchange the same pages at once: one winner each time, and every frame is in one place.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use kernel_vm::backend::Paging;
use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::radix::{AccessedDirty, Radix};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{Access, FrameAllocator, PhysAddr, VirtAddr, VirtualMemoryManager};

use super::shape::{ASID, GIB, MIB, RW, Shape, allowing, install, make, policy, run, try_install};
use crate::subject::{PAGE, area, map};

on_every_format! {
    of_many_that_install_a_page_one_wins_and_the_others_get_their_frames_back
    exchanges_of_one_page_come_one_after_the_other
    pages_that_are_installed_while_others_are_mapped_belong_to_whoever_was_first
    who_translates_meanwhile_sees_a_page_as_it_was_or_as_it_is
    bits_that_are_set_meanwhile_are_not_lost
}

const CPUS: usize = 4;
const ROUNDS: usize = 30;
/// Across the border between two tables.
const FIRST: usize = 2 * MIB - 8 * PAGE;
const PAGES: usize = 16;

fn table<F: Shape>(frames: usize) -> Radix<F, HostFrames> {
    let features = policy(AccessedDirty::Hardware);
    Radix::with_features(HostFrames::new(frames), features).unwrap()
}

/// Runs `work` on many CPUs, which all start at once.
fn at_once(work: impl Fn(usize) + Sync) {
    let start = Barrier::new(CPUS);
    thread::scope(|scope| {
        for cpu in 0..CPUS {
            let (work, start) = (&work, &start);
            scope.spawn(move || {
                start.wait();
                work(cpu);
            });
        }
    });
}

/// Physical memory that is far above all frames.
const fn outside<F: Shape>() -> u64 {
    (1 << F::WIDTH) - GIB as u64
}

const fn page(index: usize) -> usize {
    FIRST + (index % PAGES) * PAGE
}

/// The leaf that is at `page`, or will be as soon as another CPU has exchanged it.
fn leaf<F: Shape>(table: &Radix<F, HostFrames>, page: usize) -> Run {
    loop {
        match table.entry(VirtAddr::new(page)) {
            Entry::Leaf(run) => return run,
            Entry::Busy => thread::yield_now(),
            found => panic!("{found:?} at {page:#x}"),
        }
    }
}

/// Unmaps everything; nothing is left but the root.
fn ends_empty<F: Shape>(table: &mut Radix<F, HostFrames>) {
    table.check_invariants().unwrap();
    make(table, Edit::Unmap(area(0, 16 * MIB)));
    assert_eq!(table.platform().frames_in_use(), 1);
}

fn of_many_that_install_a_page_one_wins_and_the_others_get_their_frames_back<F: Shape>() {
    let mut table = table::<F>(256);
    for round in 0..ROUNDS {
        let won = AtomicUsize::new(0);
        at_once(|cpu| {
            for index in 0..PAGES {
                let page = page(index * (2 * cpu + 1) + round);
                let frame = table.platform().alloc().unwrap();
                let at = frame.addr();
                match try_install(&table, page, frame, RW).unwrap() {
                    Ok(()) => {
                        won.fetch_add(1, Relaxed);
                        assert_eq!(leaf(&table, page).first, at, "nobody takes it away");
                    }
                    Err(lost) => {
                        assert_eq!(lost.found(), Some(Entry::Leaf(leaf(&table, page))));
                        let frame = lost.into_frame();
                        assert_eq!(frame.addr(), at);
                        table.platform().release(frame, false);
                    }
                }
            }
        });
        assert_eq!(won.into_inner(), PAGES);
        let tables = 1 + 2 + F::DEPTH - 2;
        assert_eq!(table.platform().frames_in_use(), tables + PAGES);
        ends_empty(&mut table);
    }
}

fn exchanges_of_one_page_come_one_after_the_other<F: Shape>() {
    const EACH: usize = 100;
    let mut table = table::<F>(64);
    install(&table, PAGE, RW);
    let before = table.platform().frames_in_use();
    let won = AtomicUsize::new(0);
    let flushes = table.platform().flushes();
    at_once(|_| {
        for _ in 0..EACH {
            let frame = table.platform().alloc().unwrap();
            let old = leaf(&table, PAGE);
            let back = match table.exchange(old, frame, allowing(RW), ASID) {
                Ok(back) => {
                    won.fetch_add(1, Relaxed);
                    let back = back.unwrap();
                    let back = back.frame;
                    assert_eq!(back.addr(), old.first, "the one that was replaced");
                    back
                }
                Err(lost) => {
                    assert_ne!(lost.found(), Some(Entry::Leaf(old)));
                    lost.into_frame()
                }
            };
            table.platform().release(back, false);
        }
    });
    assert_eq!(table.platform().frames_in_use(), before);
    assert_eq!(table.platform().flushes() - flushes, won.into_inner());
    ends_empty(&mut table);
}

fn pages_that_are_installed_while_others_are_mapped_belong_to_whoever_was_first<F: Shape>() {
    let physical = outside::<F>();
    let backend = table::<F>(256);
    let mut space = VirtualMemoryManager::<_>::new(backend);
    for round in 0..ROUNDS {
        space
            .add_memory_map(map(FIRST, physical, PAGES * PAGE, RW))
            .unwrap();
        let won = AtomicUsize::new(0);
        at_once(|cpu| {
            if cpu == round % CPUS {
                return space.populate(area(FIRST, PAGES * PAGE)).unwrap();
            }
            for index in 0..PAGES {
                let frame = space.backend().platform().alloc().unwrap();
                match try_install(space.backend(), page(index + 5 * cpu), frame, RW).unwrap() {
                    Ok(()) => _ = won.fetch_add(1, Relaxed),
                    Err(lost) => space.backend().platform().release(lost.into_frame(), false),
                }
            }
        });
        let owned = (0..PAGES).filter(|&index| {
            let leaf = leaf(space.backend(), page(index));
            leaf.first.get() != physical + (index * PAGE) as u64
        });
        assert_eq!(owned.count(), won.into_inner());
        space.backend().check_invariants().unwrap();
        space.unmap(area(0, 16 * MIB)).unwrap();
        assert_eq!(space.backend().platform().frames_in_use(), 1);
    }
}

fn who_translates_meanwhile_sees_a_page_as_it_was_or_as_it_is<F: Shape>() {
    let mut table = table::<F>(256);
    let physical = |page: usize| PhysAddr::new(outside::<F>() + page as u64);
    make(
        &mut table,
        Edit::Map(run(FIRST, physical(FIRST).get(), PAGE, RW)),
    );
    let frames: Vec<_> = (0..PAGES)
        .map(|_| table.platform().alloc().unwrap())
        .collect();
    let targets: Vec<_> = frames.iter().map(kernel_vm::Frame::addr).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 1..CPUS {
            scope.spawn(|| {
                let mut last = [None; PAGES];
                while !done.load(Relaxed) {
                    for (index, last) in last.iter_mut().enumerate() {
                        let seen = table.translate(VirtAddr::new(page(index)));
                        let expected = [None, Some(targets[index])];
                        let first = index == 0 && seen == Some(physical(FIRST));
                        assert!(expected.contains(&seen) || first, "{seen:?}");
                        // The first page is exchanged: nobody sees it for a moment.
                        if index > 0 || seen.is_some() {
                            assert!(last.is_none() || seen.is_some(), "it was there before");
                            let was_new = *last == Some(targets[index]);
                            assert!(!was_new || seen == *last, "it does not come back");
                            *last = seen;
                        }
                    }
                    let all = table.populated(area(0, 16 * MIB)).count();
                    assert!(all <= PAGES);
                }
            });
        }
        for (index, frame) in frames.into_iter().enumerate() {
            if index == 0 {
                let old = leaf(&table, FIRST);
                assert_eq!(table.exchange(old, frame, allowing(RW), ASID), Ok(None));
            } else {
                try_install(&table, page(index), frame, RW)
                    .unwrap()
                    .unwrap();
            }
        }
        done.store(true, Relaxed);
    });
    ends_empty(&mut table);
}

fn bits_that_are_set_meanwhile_are_not_lost<F: Shape>() {
    let mut table = table::<F>(64);
    install(&table, PAGE, RW);
    at_once(|cpu| {
        for _ in 0..100 {
            let access = if cpu % 2 == 0 {
                Access::Read
            } else {
                Access::Write
            };
            table.touch(VirtAddr::new(PAGE), access).unwrap();
        }
    });
    let mut out = kernel_vm::Retired::new();
    let mut seen = Vec::new();
    table.harvest(area(0, MIB), &mut out, |usage| seen.push(usage));
    table.retire(out, ASID);
    assert!(seen[0].accessed && seen[0].dirty);
    ends_empty(&mut table);
}
