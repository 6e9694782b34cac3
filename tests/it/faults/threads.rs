//! Threads that fault, copy, supply, read and write in one space at once.

use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::{Access, Answer, Frame, FrameAllocator, Privilege, Stop, VirtAddr};

use super::basics::{Pager, RW, Space, anonymous, frame_of, on_each, provided, space_on};
use crate::subject::{PAGE, pages};

const THREADS: usize = 4;
const PAGES: usize = 16;

on_each! {
    no_write_and_no_frame_is_lost
    faults_go_on_between_verbs
}

/// Resolves a fault, with a page of the cache if one is wanted.
fn resolve<B: Pager>(
    space: &Space<B>,
    frames: &HostFrames,
    cache: &Frame,
    vaddr: VirtAddr,
    access: Access,
) {
    match space.handle_fault(vaddr, access, Privilege::User).unwrap() {
        Answer::Resolved { .. } | Answer::Spurious { .. } => {}
        Answer::NeedsFrame { ticket, .. } => {
            let frame = frames.share_frame(cache).unwrap();
            if let Err(lost) = space.supply(ticket, frame) {
                assert!(lost.found().is_some(), "{lost}");
                frames.release(lost.into_frame(), false);
            }
        }
    }
}

/// Writes the word, resolving faults on the way.
fn write<B: Pager>(
    space: &Space<B>,
    frames: &HostFrames,
    cache: &Frame,
    vaddr: VirtAddr,
    word: u64,
) {
    while let Err(stopped) = space.write(vaddr, &word.to_ne_bytes(), Privilege::User) {
        assert_eq!(stopped.why, Stop::Fault);
        resolve(space, frames, cache, vaddr, Access::Write);
    }
}

fn read<B: Pager>(space: &Space<B>, frames: &HostFrames, cache: &Frame, vaddr: VirtAddr) -> u64 {
    let mut bytes = [0; 8];
    while let Err(stopped) = space.read(vaddr, &mut bytes, Privilege::User) {
        assert_eq!(stopped.why, Stop::Fault);
        resolve(space, frames, cache, vaddr, Access::Read);
    }
    u64::from_ne_bytes(bytes)
}

/// Each thread has a word of its own in every page: what it wrote last is there, whoever faults, copies or supplies.
fn no_write_and_no_frame_is_lost<B: Pager + Sync>() {
    let frames = HostFrames::new(256);
    let cache = frame_of(&frames, 1);
    for round in 0..20 {
        let mut space = space_on::<B>(&frames);
        space.add_memory_map(anonymous(0, PAGES, RW)).unwrap();
        let file = provided(PAGES, PAGES, RW, false);
        space.add_memory_map(file).unwrap();
        let started = AtomicUsize::new(0);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (space, frames, cache, started) = (&space, &frames, &cache, &started);
                scope.spawn(move || {
                    started.fetch_add(1, Relaxed);
                    while started.load(Relaxed) < THREADS {
                        thread::yield_now();
                    }
                    for n in 0..4 * PAGES {
                        let page = (n * 7 + thread * round) % (2 * PAGES);
                        let vaddr = VirtAddr::new(page * PAGE + thread * 8);
                        let seen = read(space, frames, cache, vaddr);
                        let blank = if page < PAGES {
                            0
                        } else {
                            u64::from_ne_bytes([1; 8])
                        };
                        assert!(seen == blank || seen >> 32 == thread as u64 + 1, "{seen:x}");
                        let word = (thread as u64 + 1) << 32 | n as u64;
                        write(space, frames, cache, vaddr, word);
                        assert_eq!(read(space, frames, cache, vaddr), word);
                    }
                });
            }
        });
        space.check_invariants().unwrap();
        assert_eq!(space.resident(pages(0, 2 * PAGES)).count(), 2 * PAGES);
        drop(space);
        assert_eq!(
            (frames.frames_in_use(), frames.references(cache.addr())),
            (1, 1)
        );
    }
    frames.release(cache, false);
}

/// A kernel's reader lock around the space: threads fault while others change the layout.
fn faults_go_on_between_verbs<B: Pager + Send + Sync>() {
    let frames = HostFrames::new(256);
    let cache = frame_of(&frames, 1);
    let mut empty = space_on::<B>(&frames);
    empty.add_memory_map(anonymous(0, PAGES, RW)).unwrap();
    empty
        .add_memory_map(provided(PAGES, PAGES, RW, true))
        .unwrap();
    let space = RwLock::new(empty);
    thread::scope(|scope| {
        for thread in 1..THREADS {
            let (space, frames, cache) = (&space, &frames, &cache);
            scope.spawn(move || {
                for n in 0..400 {
                    let page = (n * 5 + thread) % (2 * PAGES);
                    let vaddr = VirtAddr::new(page * PAGE + 64);
                    let space = space.read().unwrap();
                    if n % 2 == 0 {
                        write(&space, frames, cache, vaddr, n as u64);
                    } else {
                        read(&space, frames, cache, vaddr);
                    }
                }
            });
        }
        scope.spawn(|| {
            for n in 0..200 {
                let first = n % (2 * PAGES - 4);
                let mut space = space.write().unwrap();
                space.discard(pages(first, 4)).unwrap();
                space.check_invariants().unwrap();
            }
        });
    });
    drop(space);
    assert_eq!(
        (frames.frames_in_use(), frames.references(cache.addr())),
        (1, 1)
    );
    frames.release(cache, false);
}
