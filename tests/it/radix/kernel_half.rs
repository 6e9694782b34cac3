//! The kernel half: one page table that every space shares, whatever is mapped when.

use kernel_vm::backend::Paging;
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::{Edit, Entry, PageTableBackend};
use kernel_vm::{
    Access, FrameAllocator, MapError, MemoryArea, PhysAddr, VirtAddr, VirtualMemoryManager,
};

use super::shape::{
    ASID, GIB, MIB, READ, RW, Shape, access, install, last, make, policy, run, try_install, used,
    walk, word,
};
use super::witness::{Event, Witness};
use crate::subject::{Builder as _, PAGE, area, map};

on_every_format! {
    what_the_kernel_maps_later_is_in_every_space
    what_the_kernel_unmaps_later_is_in_no_space
    flushes_of_the_kernel_half_are_global_and_have_no_asid
    a_dropped_kernel_half_is_flushed_in_every_space
    a_space_neither_edits_nor_reads_the_kernel_half
    a_space_that_is_dropped_leaves_the_kernel_half_alone
    tables_below_the_root_stay_when_they_are_emptied
    a_kernel_half_is_widened_to_what_root_entries_span
    only_the_upper_half_can_be_the_kernels
    without_enough_frames_there_is_no_kernel_half
    every_failed_allocation_leaves_no_kernel_half_behind
    a_space_without_a_frame_takes_nothing_of_the_kernel
    the_kernel_half_owns_frames_as_others_do
    a_space_shares_the_features_of_its_kernel
    a_manager_runs_the_kernel_half
}

/// What an entry of the root spans.
fn span<F: Shape>() -> usize {
    PAGE << (9 * (F::DEPTH - 1))
}

/// The last three entries of the root.
fn upper<F: Shape>() -> MemoryArea {
    area(usize::MAX - (3 * span::<F>() - 1), 3 * span::<F>())
}

fn start<F: Shape>() -> usize {
    upper::<F>().start().get()
}

fn kernel<F: Shape>(frames: usize) -> Radix<F, Witness> {
    Radix::kernel(Witness::new(frames), Features::default(), upper::<F>()).unwrap()
}

fn space<F: Shape>(kernel: &Radix<F, Witness>) -> Radix<F, Witness> {
    Radix::with_kernel(Witness::new(64), kernel).unwrap()
}

/// The leaf of the kernel that leads to `first`.
fn leaf<F: Shape>(first: u64, level: usize) -> u64 {
    F::global(used::<F>(first, level, RW))
}

/// What the hardware finds at `addr` from the root of `space`, whose upper tables are in the kernel's frames.
fn seen<F: Shape>(space: &Radix<F, Witness>, kernel: &Radix<F, Witness>, addr: usize) -> u64 {
    let index = (addr as u64 >> (12 + 9 * (F::DEPTH - 1))) & 511;
    let at = |table: &Radix<F, Witness>| PhysAddr::new(table.root().get() + 8 * index);
    let mine = word(space.platform(), at(space));
    if F::TWO_ROOTS {
        assert_eq!(mine, 0, "the MMU looks for it from the kernel's own root");
    } else {
        assert_eq!(mine, word(kernel.platform(), at(kernel)), "the same table");
    }
    last(kernel, addr) & !F::MEMORY
}

fn what_the_kernel_maps_later_is_in_every_space<F: Shape>() {
    let mut kernel = kernel::<F>(64);
    let old = run(start::<F>(), 0x1000, PAGE, RW);
    make(&mut kernel, Edit::Map(old));
    let spaces = [(); 3].map(|()| space(&kernel));
    // In each of the root's entries, the last page of all included.
    let places = [
        start::<F>() + span::<F>() + 5 * PAGE,
        start::<F>() + 2 * span::<F>() + 2 * MIB,
        usize::MAX - 0xfff,
    ];
    for (index, start) in places.into_iter().enumerate() {
        let first = 0x20_0000 * (index as u64 + 1);
        make(&mut kernel, Edit::Map(run(start, first, PAGE, RW)));
        for space in &spaces {
            assert_eq!(seen(space, &kernel, start), leaf::<F>(first, 0));
        }
    }
    for space in &spaces {
        assert_eq!(seen(space, &kernel, start::<F>()), leaf::<F>(0x1000, 0));
    }
    drop(spaces);
    kernel.check_invariants().unwrap();
}

fn what_the_kernel_unmaps_later_is_in_no_space<F: Shape>() {
    let mut kernel = kernel::<F>(64);
    let run = run(start::<F>(), 0x20_0000, 2 * MIB, RW);
    make(&mut kernel, Edit::Map(run));
    let space = space(&kernel);
    assert_eq!(seen(&space, &kernel, start::<F>()), leaf::<F>(0x20_0000, 1));
    make(&mut kernel, Edit::Unmap(upper::<F>()));
    assert_eq!(seen(&space, &kernel, start::<F>()), 0);
}

fn flushes_of_the_kernel_half_are_global_and_have_no_asid<F: Shape>() {
    let mut kernel = kernel::<F>(64);
    let page = area(start::<F>(), PAGE);
    make(&mut kernel, Edit::Map(run(start::<F>(), 0x1000, PAGE, RW)));
    install(&kernel, start::<F>() + PAGE, RW);
    let Entry::Leaf(old) = kernel.entry(VirtAddr::new(start::<F>() + PAGE)) else {
        panic!("it is installed");
    };
    let events = kernel.platform().take();
    let made = events.iter().filter_map(|event| match event {
        Event::Valid(told) => Some(told),
        _ => None,
    });
    assert!(made.clone().count() > 0 && made.clone().all(|told| told.is_global));
    let frame = kernel.platform().alloc().unwrap();
    let back = kernel.exchange(old, frame, old.attributes, ASID).unwrap();
    back.into_iter()
        .for_each(|back| kernel.platform().release(back.frame, false));
    make(&mut kernel, Edit::Protect(page, READ));
    make(&mut kernel, Edit::Unmap(page));
    make(&mut kernel, Edit::Unmap(upper::<F>()));
    let flushes = kernel.platform().flushes();
    assert_eq!(flushes.len(), 4);
    for told in flushes {
        assert!(told.is_global && told.asid.is_none(), "{told:?}");
        assert_eq!(told.root, kernel.root());
    }
}

fn a_dropped_kernel_half_is_flushed_in_every_space<F: Shape>() {
    let mut kernel = kernel::<F>(64);
    make(&mut kernel, Edit::Map(run(start::<F>(), 0x1000, PAGE, RW)));
    install(&kernel, start::<F>() + PAGE, RW);
    let platform = kernel.platform().clone();
    platform.take();
    drop(kernel);
    let events = platform.take();
    let Event::Flush(told) = &events[0] else {
        panic!("{events:?}")
    };
    assert!(
        told.is_global && told.tables && told.asid.is_none(),
        "{told:?}"
    );
    assert_eq!((told.ranges.as_ref(), platform.in_use()), (None, 0));
}

fn a_space_neither_edits_nor_reads_the_kernel_half<F: Shape>() {
    let mut kernel = kernel::<F>(64);
    let there = run(start::<F>(), 0x1000, PAGE, RW);
    make(&mut kernel, Edit::Map(there));
    let mut space = space(&kernel);
    assert_eq!(space.ranges(), [area(0, F::LAST_LOW + 1)]);
    let refused = Err(MapError::OutOfRange { area: there.area });
    let to = area(0, PAGE);
    for edit in [
        Edit::Map(there),
        Edit::Unmap(there.area),
        Edit::Protect(there.area, READ),
        Edit::Shift {
            from: there.area,
            to,
        },
        Edit::Shift {
            from: to,
            to: there.area,
        },
    ] {
        assert_eq!(space.edit(edit, ASID), refused, "{edit:?}");
    }
    let frame = space.platform().alloc().unwrap();
    let lost = try_install(&space, start::<F>(), frame, RW);
    assert_eq!(
        lost.map(drop),
        Err(MapError::OutOfRange { area: there.area })
    );
    let page = VirtAddr::new(start::<F>());
    assert_eq!(
        (space.entry(page), space.translate(page)),
        (Entry::Empty, None)
    );
    assert_eq!(space.populated(upper::<F>()).count(), 0);
    assert!(space.touch(page, kernel_vm::Access::Read).is_err());
    // Even unchecked.
    let mut out = kernel_vm::Retired::new();
    let mut none = Default::default();
    space.unmap(upper::<F>(), &mut none, &mut out);
    space.map(there, &mut none);
    space.retire(out, ASID);
    assert_eq!(seen(&space, &kernel, start::<F>()), leaf::<F>(0x1000, 0));
    assert_eq!(
        (space.platform().in_use(), space.platform().flushes().len()),
        (1, 0)
    );
    space.check_invariants().unwrap();
}

fn a_space_that_is_dropped_leaves_the_kernel_half_alone<F: Shape>() {
    let mut kernel = kernel::<F>(64);
    make(&mut kernel, Edit::Map(run(start::<F>(), 0x1000, PAGE, RW)));
    let in_use = kernel.platform().in_use();
    kernel.platform().take();
    // One frame pool for both, as kernels have it.
    let shared = kernel.platform().clone();
    let mut user = Radix::<F, _>::with_kernel(shared.clone(), &kernel).unwrap();
    make(&mut user, Edit::Map(run(0, 0x2000, PAGE, RW)));
    install(&user, PAGE, RW);
    assert_eq!(shared.in_use(), in_use + F::DEPTH + 1);
    drop(user);
    assert_eq!(shared.in_use(), in_use);
    let there = last(&kernel, start::<F>()) & !F::MEMORY;
    assert_eq!(there, leaf::<F>(0x1000, 0));
    kernel.check_invariants().unwrap();
}

fn tables_below_the_root_stay_when_they_are_emptied<F: Shape>() {
    let mut kernel = kernel::<F>(64);
    let frames = 1 + 3;
    assert_eq!(kernel.platform().in_use(), frames);
    let pointers = [0, 1, 2].map(|index| walk(&kernel, start::<F>() + index * span::<F>())[0]);
    for index in 0..3 {
        let start = start::<F>() + index * span::<F>();
        make(&mut kernel, Edit::Map(run(start, 0x1000, PAGE, RW)));
        make(&mut kernel, Edit::Unmap(area(start, PAGE)));
        make(
            &mut kernel,
            Edit::Map(run(start, 0, GIB.min(span::<F>()), RW)),
        );
        make(&mut kernel, Edit::Unmap(area(start, GIB)));
    }
    make(
        &mut kernel,
        Edit::Map(run(start::<F>(), 0x1000, 2 * PAGE, RW)),
    );
    make(&mut kernel, Edit::Unmap(upper::<F>()));
    assert_eq!(kernel.platform().in_use(), frames);
    let now = [0, 1, 2].map(|index| walk(&kernel, start::<F>() + index * span::<F>())[0]);
    assert_eq!(now, pointers);
    kernel.check_invariants().unwrap();
}

fn a_kernel_half_is_widened_to_what_root_entries_span<F: Shape>() {
    let page = start::<F>() + span::<F>() - PAGE;
    let across = area(page, 2 * PAGE);
    let kernel = Radix::<F, _>::kernel(Witness::new(8), Features::default(), across).unwrap();
    assert_eq!(kernel.ranges(), [area(start::<F>(), 2 * span::<F>())]);
    assert_eq!(kernel.platform().in_use(), 3);
    let bytes = area(usize::MAX - 5, 1);
    let kernel = Radix::<F, _>::kernel(Witness::new(8), Features::default(), bytes).unwrap();
    assert_eq!(kernel.ranges()[0].end().get(), usize::MAX);
    assert_eq!(kernel.ranges()[0].size(), span::<F>());
    assert_eq!(kernel.platform().in_use(), 2);
}

fn only_the_upper_half_can_be_the_kernels<F: Shape>() {
    let platform = Witness::new(8);
    for wrong in [
        area(0, PAGE),
        area(F::LAST_LOW, 1),
        area(F::FIRST_HIGH - PAGE, 2 * PAGE),
        area(F::LAST_LOW, 2),
    ] {
        let refused = Radix::<F, _>::kernel(platform.clone(), Features::default(), wrong);
        assert_eq!(refused.map(drop), Err(MapError::OutOfRange { area: wrong }));
    }
    assert_eq!(platform.in_use(), 0);
}

fn without_enough_frames_there_is_no_kernel_half<F: Shape>() {
    for frames in 0..4 {
        let platform = Witness::new(frames);
        let upper = upper::<F>();
        let refused = Radix::<F, _>::kernel(platform.clone(), Features::default(), upper);
        assert_eq!(refused.map(drop), Err(MapError::OutOfFrames { needed: 4 }));
        assert_eq!(platform.in_use(), 0);
    }
}

fn every_failed_allocation_leaves_no_kernel_half_behind<F: Shape>() {
    let platform = Witness::new(8);
    for n in 1..=4 {
        platform.frames.fail_alloc(n);
        let upper = upper::<F>();
        let refused = Radix::<F, _>::kernel(platform.clone(), Features::default(), upper);
        assert_eq!(refused.map(drop), Err(MapError::OutOfFrames { needed: 4 }));
        assert_eq!(platform.in_use(), 0);
    }
}

fn a_space_without_a_frame_takes_nothing_of_the_kernel<F: Shape>() {
    let kernel = kernel::<F>(64);
    let in_use = kernel.platform().in_use();
    let shared = kernel.platform().clone();
    shared.frames.fail_alloc(1);
    let refused = Radix::<F, _>::with_kernel(shared.clone(), &kernel);
    assert_eq!(refused.map(drop), Err(MapError::OutOfFrames { needed: 1 }));
    assert_eq!((shared.in_use(), shared.flushes().len()), (in_use, 0));
}

fn the_kernel_half_owns_frames_as_others_do<F: Shape>() {
    let features = policy(AccessedDirty::Software);
    let mut kernel = Radix::<F, _>::kernel(Witness::new(64), features, upper::<F>()).unwrap();
    let at = install(&kernel, start::<F>(), RW);
    let fresh = F::global(F::fresh(at.get(), 0, RW));
    assert_eq!(last(&kernel, start::<F>()) & !F::SOFTWARE, fresh);
    access(&kernel, start::<F>(), Access::Write);
    kernel.platform().take();
    make(&mut kernel, Edit::Unmap(area(start::<F>(), PAGE)));
    let events = kernel.platform().take();
    assert!(
        matches!(&events[0], Event::Flush(told) if told.is_global),
        "{events:?}"
    );
    assert!(events.contains(&Event::Release { at, dirty: true }));
    assert_eq!(kernel.platform().in_use(), 4);
}

fn a_space_shares_the_features_of_its_kernel<F: Shape>() {
    let features = policy(AccessedDirty::Hardware);
    let kernel = Radix::<F, _>::kernel(Witness::new(8), features, upper::<F>()).unwrap();
    assert_eq!(space(&kernel).features(), features);
}

fn a_manager_runs_the_kernel_half<F: Shape>() {
    let backend = kernel::<F>(64);
    let platform = backend.platform().clone();
    let mut space = VirtualMemoryManager::<_>::new(backend)
        .with(map(start::<F>(), 0x20_0000, 4 * MIB, RW))
        .populated(area(start::<F>(), 4 * MIB));
    let refused = space.add_memory_map(map(0, 0x20_0000, PAGE, RW));
    assert_eq!(
        refused.map_err(|refused| refused.error()),
        Err(MapError::OutOfRange {
            area: area(0, PAGE)
        })
    );
    space.unmap(area(start::<F>() + 2 * MIB, PAGE)).unwrap();
    space
        .remap(area(start::<F>(), MIB), area(usize::MAX - (MIB - 1), MIB))
        .unwrap();
    space.check_invariants().unwrap();
    drop(space.remove_all_memory_maps());
    assert_eq!(platform.in_use(), 4);
    drop(space);
    assert_eq!(platform.in_use(), 0);
}
