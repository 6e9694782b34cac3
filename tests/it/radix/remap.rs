//! Moving pages whose frames the page table owns: contents go along, and nothing is lost on the way.

use kernel_vm::backend::radix::{AccessedDirty, Radix};
use kernel_vm::backend::{Edit, Entry, PageTableBackend};
use kernel_vm::{
    Access, FrameAllocator, MapError, Permissions, PhysAddr, Retired, VirtAddr,
    VirtualMemoryManager,
};

use super::shape::{
    ASID, GIB, MIB, NONE, RW, Shape, access, allowing, install, last, make, places, policy, run,
    table,
};
use super::witness::{Event, Witness};
use crate::subject::{PAGE, area, map};

on_every_format! {
    pages_move_with_their_frames_and_all_that_their_words_say
    pages_move_onto_pages_that_fill_a_table_alone
    pages_move_onto_pages_in_a_table_with_others
    a_move_needs_frames_for_the_tables_that_go_and_no_more
    moving_onto_owned_pages_flushes_twice_and_onto_others_once
    a_write_at_the_new_place_while_the_page_moves_is_not_forgotten
    a_shift_takes_owned_and_physical_pages_along_in_one_verb
    hidden_pages_move_without_a_flush
    a_write_at_the_old_place_while_physical_memory_moves_is_not_forgotten
}

type Space<F> = VirtualMemoryManager<Radix<F, Witness>>;

const OLD: usize = 64 * MIB;
const NEW: usize = 3 * GIB;

/// A space with 8 pages mapped at `OLD`, and as many at `NEW`.
fn space<F: Shape>(accessed_dirty: AccessedDirty) -> Space<F> {
    let backend = Radix::with_features(Witness::new(64), policy(accessed_dirty)).unwrap();
    let mut space = Space::new(backend);
    space.set_asid(ASID);
    for (start, first) in [(OLD, 0x8000_0000), (NEW, 0x9000_0000)] {
        space
            .add_memory_map(map(start, first, 8 * PAGE, RW))
            .unwrap();
    }
    space
}

fn write(frames: &Witness, frame: PhysAddr, byte: u8) {
    let at = frames.reach(frame);
    #[expect(unsafe_code, reason = "bytes are behind pointers")]
    // SAFETY: the frame is in use, and belongs to a page table that no CPU uses.
    unsafe {
        at.write(byte);
    }
}

fn read<F: Shape>(space: &Space<F>, page: usize) -> u8 {
    let frame = space.backend().translate(VirtAddr::new(page)).unwrap();
    let at = space.backend().platform().reach(frame);
    #[expect(unsafe_code, reason = "bytes are behind pointers")]
    // SAFETY: as in `write`.
    unsafe {
        at.read()
    }
}

/// Nothing is left but the root, when all is unmapped.
fn ends_empty<F: Shape>(mut space: Space<F>) {
    space.backend().check_invariants().unwrap();
    drop(space.remove_all_memory_maps());
    assert_eq!(space.backend().platform().in_use(), 1);
    let frames = space.backend().platform().frames.clone();
    drop(space);
    assert_eq!(frames.frames_in_use(), 0);
}

fn pages_move_with_their_frames_and_all_that_their_words_say<F: Shape>() {
    for &accessed_dirty in F::POLICIES {
        let mut space = space::<F>(accessed_dirty);
        let frames = [0, 1, 2].map(|page| install(space.backend(), OLD + page * PAGE, RW));
        for (frame, byte) in frames.into_iter().zip([11, 22, 33]) {
            write(space.backend().platform(), frame, byte);
        }
        access(space.backend(), OLD + PAGE, Access::Write);
        let words = [0, 1, 2].map(|page| last(space.backend(), OLD + page * PAGE));
        space
            .remap(area(OLD, 3 * PAGE), area(NEW, 3 * PAGE))
            .unwrap();
        let moved = [0, 1, 2].map(|page| last(space.backend(), NEW + page * PAGE));
        let differ = moved
            .iter()
            .zip(words)
            .map(|(now, was)| (now ^ was) & !F::MEMORY);
        assert!(differ.eq([0; 3]), "{accessed_dirty:?}");
        let usage = moved.map(F::usage);
        assert_eq!(usage, words.map(F::usage), "{accessed_dirty:?}");
        let bytes = [0, 1, 2].map(|page| read(&space, NEW + page * PAGE));
        assert_eq!(bytes, [11, 22, 33]);
        assert_eq!(space.backend().translate(VirtAddr::new(OLD)), None);
        ends_empty(space);
    }
}

fn pages_move_onto_pages_that_fill_a_table_alone<F: Shape>() {
    for &accessed_dirty in F::POLICIES {
        let mut space = space::<F>(accessed_dirty);
        let kept = install(space.backend(), OLD, RW);
        write(space.backend().platform(), kept, 44);
        install(space.backend(), NEW, RW);
        space.remap(area(OLD, PAGE), area(NEW, PAGE)).unwrap();
        assert_eq!(
            space.backend().translate(VirtAddr::new(NEW)),
            Some(kept),
            "the table that was emptied is wanted again"
        );
        assert_eq!(read(&space, NEW), 44);
        ends_empty(space);
    }
}

fn pages_move_onto_pages_in_a_table_with_others<F: Shape>() {
    for &accessed_dirty in F::POLICIES {
        let mut space = space::<F>(accessed_dirty);
        let moved = install(space.backend(), OLD + PAGE, RW);
        let stays = install(space.backend(), NEW + 3 * PAGE, RW);
        for page in [0, 1] {
            install(space.backend(), NEW + page * PAGE, RW);
        }
        space
            .remap(area(OLD, 2 * PAGE), area(NEW, 2 * PAGE))
            .unwrap();
        let leads = |page| space.backend().translate(VirtAddr::new(NEW + page * PAGE));
        assert_eq!(
            [0, 1, 2, 3].map(leads),
            [None, Some(moved), None, Some(stays)]
        );
        ends_empty(space);
    }
}

fn a_move_needs_frames_for_the_tables_that_go_and_no_more<F: Shape>() {
    // Alone, the page takes its table along and the one above; with a neighbour, none.
    for (neighbour, needed) in [(None, 2), (Some(NEW + 5 * PAGE), 0)] {
        for spare in (0..=needed).rev() {
            let mut space = space::<F>(AccessedDirty::Preset);
            let moved = install(space.backend(), OLD, RW);
            install(space.backend(), NEW, RW);
            neighbour.map(|page| install(space.backend(), page, RW));
            let platform = space.backend().platform().clone();
            let mut hoard: Vec<_> = std::iter::from_fn(|| platform.alloc()).collect();
            let free = hoard.drain(..spare);
            free.for_each(|frame| platform.frames.release(frame, false));
            let (enough, short) = (Ok(()), Err(MapError::OutOfFrames { needed }));
            let expected = if spare == needed { enough } else { short };
            assert_eq!(space.remap(area(OLD, PAGE), area(NEW, PAGE)), expected);
            let now = if spare == needed { NEW } else { OLD };
            assert_eq!(space.backend().translate(VirtAddr::new(now)), Some(moved));
            for frame in hoard {
                platform.frames.release(frame, false);
            }
            ends_empty(space);
        }
    }
}

fn moving_onto_owned_pages_flushes_twice_and_onto_others_once<F: Shape>() {
    let mut space = space::<F>(AccessedDirty::Preset);
    let platform = space.backend().platform().clone();
    let replaced = install(space.backend(), NEW, RW);
    let kept = [NEW + 7 * PAGE, OLD + 7 * PAGE].map(|page| install(space.backend(), page, RW));
    install(space.backend(), OLD, RW);
    platform.take();
    space.remap(area(OLD, PAGE), area(NEW, PAGE)).unwrap();
    let events = platform.take();
    let Event::Flush(first) = &events[0] else {
        panic!("{events:?}")
    };
    assert_eq!(first.ranges.as_deref(), Some(&[area(NEW, PAGE)][..]));
    let release = Event::Release {
        at: replaced,
        dirty: true,
    };
    assert_eq!(events[1], release, "given back before its page is taken");
    let flushes = |events: &[Event]| {
        let flushes = events.iter();
        flushes
            .filter(|event| matches!(event, Event::Flush(_)))
            .count()
    };
    assert_eq!(flushes(&events), 2);
    space
        .remap(area(NEW, PAGE), area(OLD + PAGE, PAGE))
        .unwrap();
    assert_eq!(flushes(&platform.take()), 1, "onto nothing");
    space.populate(area(NEW + PAGE, PAGE)).unwrap();
    platform.take();
    space
        .remap(area(OLD + PAGE, PAGE), area(NEW + PAGE, PAGE))
        .unwrap();
    assert_eq!(
        flushes(&platform.take()),
        1 + F::BREAKS,
        "onto physical memory"
    );
    let leads = |page: usize| space.backend().translate(VirtAddr::new(page));
    assert_eq!([NEW + 7 * PAGE, OLD + 7 * PAGE].map(leads), kept.map(Some));
    ends_empty(space);
}

fn a_write_at_the_new_place_while_the_page_moves_is_not_forgotten<F: Shape>() {
    let mut space = space::<F>(AccessedDirty::Hardware);
    let frame = install(space.backend(), OLD, RW);
    // A neighbour, so that the table of the new place is there to be watched.
    install(space.backend(), NEW + PAGE, RW);
    let platform = space.backend().platform().clone();
    platform.watch(places(space.backend(), NEW).pop().unwrap());
    platform.use_at_once(Some(|leaf| F::after(leaf, Access::Write)));
    space.remap(area(OLD, PAGE), area(NEW, PAGE)).unwrap();
    platform.use_at_once(None);
    assert_eq!(F::usage(last(space.backend(), NEW)), (true, true));
    platform.take();
    space.unmap(area(NEW, PAGE)).unwrap();
    let release = Event::Release {
        at: frame,
        dirty: true,
    };
    assert_eq!(platform.take().last(), Some(&release));
}

fn a_shift_takes_owned_and_physical_pages_along_in_one_verb<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let owned = install(&table, OLD + PAGE, RW);
    make(&mut table, Edit::Map(run(OLD, 0x8000_0000, PAGE, RW)));
    make(
        &mut table,
        Edit::Map(run(OLD + 2 * PAGE, 0x8000_2000, 2 * PAGE, RW)),
    );
    let hidden = run(OLD + 5 * PAGE, 0x8000_5000, PAGE, NONE);
    make(&mut table, Edit::Map(hidden));
    table.platform().take();
    let (from, to) = (area(OLD, 6 * PAGE), area(NEW, 6 * PAGE));
    make(&mut table, Edit::Shift { from, to });
    assert_eq!(table.platform().flushes().len(), 1);
    let leads = |page| table.translate(VirtAddr::new(NEW + page * PAGE));
    let expected = [
        Some(PhysAddr::new(0x8000_0000)),
        Some(owned),
        Some(PhysAddr::new(0x8000_2000)),
        Some(PhysAddr::new(0x8000_3000)),
        None,
        None,
    ];
    assert_eq!([0, 1, 2, 3, 4, 5].map(leads), expected);
    let Entry::Hidden(run) = table.entry(VirtAddr::new(NEW + 5 * PAGE)) else {
        panic!("hidden pages move, too");
    };
    assert_eq!(run.first, hidden.first);
    assert_eq!(table.populated(from).count(), 0);
    make(&mut table, Edit::Unmap(to));
    assert_eq!(table.platform().in_use(), 1);
}

fn hidden_pages_move_without_a_flush<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let [frame, other] = [OLD, OLD + PAGE].map(|page| install(&table, page, RW));
    install(&table, NEW + PAGE, RW);
    make(
        &mut table,
        Edit::Protect(area(OLD, PAGE), Permissions::USER),
    );
    table.platform().take();
    let (from, to) = (area(OLD, PAGE), area(NEW, PAGE));
    make(&mut table, Edit::Shift { from, to });
    assert_eq!(table.platform().take(), []);
    make(&mut table, Edit::Protect(to, RW));
    let leads = [NEW, OLD + PAGE].map(|page| table.translate(VirtAddr::new(page)));
    assert_eq!(leads, [frame, other].map(Some));
    let moved = table.populated(to).next().unwrap();
    assert_eq!(
        allowing(Permissions::READ),
        moved.attributes,
        "the next write decides"
    );
}

fn a_write_at_the_old_place_while_physical_memory_moves_is_not_forgotten<F: Shape>() {
    // One leaf, of which all moves or a part, or the part of a run that is one leaf at the new place.
    for (mapped, moved) in [(PAGE, PAGE), (2 * MIB, 2 * MIB), (2 * MIB, PAGE)] {
        let mut table = table::<F>(AccessedDirty::Hardware);
        make(&mut table, Edit::Map(run(GIB, 0x4000_0000, mapped, RW)));
        table.platform().watch(places(&table, GIB).pop().unwrap());
        // As soon as the new place is valid, the MMU writes through the old one.
        let write = |leaf| F::after(leaf, Access::Write);
        table.platform().use_at_once(Some(write));
        let (from, to) = (area(GIB, moved), area(2 * GIB, moved));
        make(&mut table, Edit::Shift { from, to });
        table.platform().use_at_once(None);
        let (mut out, mut dirty) = (Retired::new(), Vec::new());
        table.harvest(to, &mut out, |usage| dirty.push(usage.dirty));
        table.retire(out, ASID);
        assert_eq!(dirty, [true], "{mapped:#x}, {moved:#x}");
        table.check_invariants().unwrap();
    }
}
