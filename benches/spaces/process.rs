//! The life of a small space: built, unmapped and dropped. It has 5 tables: a root, and two below it for each end of
//! the lower half, with the program at one and its stack at the other.

use std::iter::once;
use std::time::Duration;

use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Edit, PageTableBackend, Paging, Run};
use kernel_vm::{
    Attributes, FrameAllocator, MemoryArea, Permissions, PhysAddr, VirtAddr, VirtualMemoryManager,
    VirtualMemoryMap,
};

use super::layout::{PAGE, area};
use super::platform::alloc;
use crate::clock::clock;
use crate::pages::Frames;

/// How many pages a small space has.
pub(crate) const PAGES: usize = 16;

/// How many of them are the stack.
pub(super) const STACK: usize = 4;

/// The end of the lower half.
pub(super) const TOP: usize = 1 << 38;

/// Who builds a space of these areas, with a frame behind each page, unmaps all of it and drops it.
pub(crate) trait Process {
    /// The function's name in criterion's files.
    const NAME: &str;

    fn live(areas: [MemoryArea; 2], permissions: Permissions);
}

/// This crate.
pub(crate) struct Managed;

/// How long `count` lives take.
///
/// # Panics
/// When a frame is not given back.
pub(crate) fn time_processes<S: Process>(count: u64) -> Duration {
    let program = area(16 * PAGE, PAGES - STACK);
    let stack = area(TOP - (STACK + 1) * PAGE, STACK);
    let permissions = Permissions::READ | Permissions::WRITE | Permissions::USER;
    // The first frame of all fills the arena, which is no part of a life.
    Frames.release(alloc(&Frames), false);
    let before = Frames.in_use();
    let ((), time) = clock(|| {
        for _ in 0..count {
            S::live(std::hint::black_box([program, stack]), permissions);
        }
    });
    assert_eq!(Frames.in_use(), before, "{}: all is back", S::NAME);
    time
}

impl Process for Managed {
    const NAME: &str = "kernel-vm";

    fn live(areas: [MemoryArea; 2], permissions: Permissions) {
        let table = Sv39::new(Frames).expect("the arena is larger");
        let mut space = VirtualMemoryManager::<_>::new(table);
        let attributes = Attributes::from(permissions);
        for area in areas {
            let map = VirtualMemoryMap::anonymous(area, permissions).expect("pages");
            space.add_memory_map(map).expect("apart");
            let table = space.backend();
            let first = PhysAddr::new(0);
            let run = Run {
                area,
                first,
                attributes,
            };
            let reserved = table.reserve(once(Edit::Map(run)));
            let mut reserved = reserved.expect("the arena is larger");
            for page in (area.start().get()..=area.end().get()).step_by(PAGE) {
                let frame = Frames.alloc().expect("the arena is larger");
                let page = VirtAddr::new(page);
                let installed = table.install(page, frame, attributes, &mut reserved);
                installed.expect("nothing is there");
            }
            table.unreserve(reserved);
        }
        drop(space.remove_all_memory_maps());
    }
}
