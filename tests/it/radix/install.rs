//! Giving a page table single frames: what is refused comes back, and changes nothing.

use kernel_vm::backend::radix::{AccessedDirty, Radix, Reserved};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::backend::{Lost, Paging};
use kernel_vm::{Attributes, Frame, FrameAllocator, MapError, Permissions, PhysAddr, VirtAddr};

use super::shape::{
    GIB, MIB, NONE, READ, RW, Shape, allowing, install, make, places, run, table, try_install, word,
};
use super::witness::{Event, Witness};
use crate::subject::{PAGE, area};

on_every_format! {
    a_frame_that_cannot_be_installed_comes_back_with_the_reason
    a_frame_that_no_entry_can_hold_comes_back
    where_something_is_the_frame_comes_back_with_what_is_there
    without_a_reservation_nothing_changes
    with_too_small_a_reservation_nothing_changes
    an_installed_page_is_there_at_once_and_nothing_is_flushed
    installed_code_is_announced_before_it_can_run
    a_frame_may_be_installed_hidden
    a_reservation_of_another_page_table_is_not_used
    a_run_in_a_table_that_is_there_is_mapped_at_once
    what_needs_a_table_or_a_further_look_is_not_mapped_at_once
}

fn frame(table: &Radix<impl Shape, Witness>) -> Frame {
    table.platform().alloc().unwrap()
}

/// The frame came back, for this reason; it goes back to the allocator.
#[track_caller]
fn gives_back(table: &Radix<impl Shape, Witness>, lost: Lost, at: PhysAddr, error: MapError) {
    assert_eq!((lost.error(), lost.found()), (Some(error), None));
    assert_eq!(lost.to_string(), error.to_string());
    let frame = lost.into_frame();
    assert_eq!(frame.addr(), at);
    table.platform().release(frame, false);
}

fn a_frame_that_cannot_be_installed_comes_back_with_the_reason<F: Shape>() {
    let mut table = Radix::<F, _>::new(Witness::new(64)).unwrap();
    make(&mut table, Edit::Map(run(0, 0x1000, PAGE, RW)));
    let write = Permissions::WRITE;
    let unknown = Permissions::from_bits_retain(0x81);
    let hole = F::LAST_LOW + 1;
    let mut cases = vec![
        (
            PAGE + 1,
            allowing(RW),
            MapError::Misaligned {
                addr: VirtAddr::new(PAGE + 1),
                align: PAGE,
            },
        ),
        (
            hole,
            allowing(RW),
            MapError::OutOfRange {
                area: area(hole, PAGE),
            },
        ),
        (
            PAGE,
            allowing(write),
            MapError::WriteWithoutRead { permissions: write },
        ),
        (
            PAGE,
            allowing(unknown),
            MapError::UnknownPermissions {
                permissions: unknown,
            },
        ),
    ];
    cases.extend(F::EXTENSIONS.iter().map(|&memory_type| {
        let attributes = Attributes::new(RW, memory_type);
        let error = MapError::UnsupportedMemoryType { memory_type };
        (PAGE, attributes, error)
    }));
    let permissions = Permissions::EXECUTE | Permissions::USER;
    if F::CODE_IS_READABLE {
        let error = MapError::WidensPermissions { permissions };
        cases.push((PAGE, allowing(permissions), error));
    }
    let in_use = table.platform().in_use();
    for (page, attributes, error) in cases {
        let frame = frame(&table);
        let at = frame.addr();
        let page = VirtAddr::new(page);
        let lost = table
            .install(page, frame, attributes, &mut Reserved::default())
            .unwrap_err();
        gives_back(&table, lost, at, error);
        assert_eq!(table.entry(page).run(), None);
    }
    assert_eq!(table.platform().in_use(), in_use);
    table.check_invariants().unwrap();
}

/// What is there.
trait Found {
    fn run(self) -> Option<kernel_vm::backend::Run>;
}

impl Found for Entry {
    fn run(self) -> Option<kernel_vm::backend::Run> {
        match self {
            Self::Empty | Self::Busy => None,
            Self::Leaf(run) | Self::Hidden(run) => Some(run),
        }
    }
}

#[expect(unsafe_code, reason = "no allocator hands such frames out")]
fn forged(table: &Radix<impl Shape, Witness>, at: u64) -> Frame {
    // SAFETY: it is refused, and nobody uses or releases it.
    unsafe { Frame::of(table.platform().id(), PhysAddr::new(at)) }
}

fn a_frame_that_no_entry_can_hold_comes_back<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    make(&mut table, Edit::Map(run(0, 0x1000, PAGE, RW)));
    for at in [1 << F::WIDTH, u64::MAX - 0xfff, 0x1800] {
        let lost = table
            .install(
                VirtAddr::new(PAGE),
                forged(&table, at),
                allowing(RW),
                &mut Reserved::default(),
            )
            .unwrap_err();
        assert!(matches!(
            lost.error(),
            Some(MapError::PhysOutOfRange { .. } | MapError::MisalignedPhys { .. })
        ));
        assert_eq!(lost.into_frame().addr(), PhysAddr::new(at));
    }
    assert_eq!(table.entry(VirtAddr::new(PAGE)), Entry::Empty);
}

fn where_something_is_the_frame_comes_back_with_what_is_there<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let gigapage = run(4 * GIB, 0xc000_0000, GIB, RW);
    let megapage = run(2 * MIB, 0x20_0000, 2 * MIB, READ);
    let page = run(0, 0x1000, PAGE, READ);
    let hidden = run(PAGE, 0x2000, PAGE, NONE);
    for run in [gigapage, megapage, page, hidden] {
        make(&mut table, Edit::Map(run));
    }
    let owned = install(&table, 2 * PAGE, RW);
    let before = table.platform().in_use();
    for (addr, found) in [
        (5 * GIB - PAGE, Entry::Leaf(gigapage)),
        (2 * MIB + 7 * PAGE, Entry::Leaf(megapage)),
        (0, Entry::Leaf(page)),
        (PAGE, Entry::Hidden(hidden)),
        (2 * PAGE, Entry::Leaf(run(2 * PAGE, owned.get(), PAGE, RW))),
    ] {
        let frame = frame(&table);
        let at = frame.addr();
        let lost = try_install(&table, addr, frame, RW).unwrap().unwrap_err();
        assert_eq!((lost.found(), lost.error()), (Some(found), None));
        assert_eq!(lost.to_string(), "the page was changed meanwhile");
        let frame = lost.into_frame();
        assert_eq!(frame.addr(), at);
        table.platform().release(frame, false);
    }
    assert_eq!(table.platform().in_use(), before);
}

fn without_a_reservation_nothing_changes<F: Shape>() {
    let table = table::<F>(AccessedDirty::Preset);
    let frame = frame(&table);
    let at = frame.addr();
    let lost = table
        .install(
            VirtAddr::new(PAGE),
            frame,
            allowing(RW),
            &mut Reserved::default(),
        )
        .unwrap_err();
    gives_back(
        &table,
        lost,
        at,
        MapError::OutOfFrames {
            needed: needed::<F>(),
        },
    );
    assert_eq!(table.platform().in_use(), 1);
    assert_eq!(word(table.platform(), places(&table, PAGE)[0]), 0);
    table.check_invariants().unwrap();
}

fn with_too_small_a_reservation_nothing_changes<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    // A gigapage beside it: the reservation is for less than the way down.
    let near = run(GIB, 0x4000_0000, 2 * MIB, RW);
    let mut reserved = table.reserve([Edit::Map(near)].into_iter()).unwrap();
    let in_use = table.platform().in_use();
    let frame = frame(&table);
    let at = frame.addr();
    let lost = table
        .install(VirtAddr::new(PAGE), frame, allowing(RW), &mut reserved)
        .unwrap_err();
    gives_back(
        &table,
        lost,
        at,
        MapError::OutOfFrames {
            needed: needed::<F>(),
        },
    );
    assert_eq!(table.platform().in_use(), in_use);
    // What was reserved is whole: it does for what it was meant.
    table.map_exclusive(near, &mut reserved);
    table.unreserve(reserved);
    assert_eq!(table.entry(near.area.start()), Entry::Leaf(near));
    assert_eq!(table.platform().in_use(), in_use);
    table.check_invariants().unwrap();
}

fn an_installed_page_is_there_at_once_and_nothing_is_flushed<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    make(&mut table, Edit::Map(run(0, 0x1000, PAGE, RW)));
    let platform = table.platform().clone();
    platform.watch(places(&table, PAGE).pop().unwrap());
    platform.take();
    let at = install(&table, PAGE, RW);
    assert_eq!(table.translate(VirtAddr::new(PAGE + 5)), at.checked_add(5));
    let events = platform.take_watched();
    let [(Event::Valid(made), seen)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(made.ranges.as_deref(), Some(&[area(PAGE, PAGE)][..]));
    assert!(seen & 1 != 0, "told when it is there, not before");
}

fn installed_code_is_announced_before_it_can_run<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    make(&mut table, Edit::Map(run(0, 0x1000, PAGE, RW)));
    let platform = table.platform().clone();
    platform.watch(places(&table, PAGE).pop().unwrap());
    platform.take();
    let at = install(&table, PAGE, READ | Permissions::EXECUTE);
    let events = platform.take_watched();
    let [(Event::Code(code), then), (Event::Valid(_), now)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((code.start(), code.size()), (at, PAGE));
    assert_eq!((*then, now & 1), (0, 1));
}

fn a_frame_may_be_installed_hidden<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    table.platform().take();
    let at = install(&table, PAGE, NONE);
    let events = table.platform().take();
    let [Event::Valid(told)] = &events[..] else {
        panic!("{events:?}")
    };
    assert!(told.tables, "the page is not valid, but its tables are");
    let hidden = Entry::Hidden(run(PAGE, at.get(), PAGE, NONE));
    assert_eq!(table.entry(VirtAddr::new(PAGE)), hidden);
    make(&mut table, Edit::Unmap(area(PAGE, PAGE)));
    assert_eq!(table.platform().in_use(), 1);
}

fn a_reservation_of_another_page_table_is_not_used<F: Shape>() {
    let [one, other] = [(); 2].map(|()| table::<F>(AccessedDirty::Preset));
    let edit = Edit::Map(run(PAGE, 0x1000, PAGE, RW));
    let mut reserved = other.reserve([edit].into_iter()).unwrap();
    let frame = frame(&one);
    let at = frame.addr();
    let lost = one
        .install(VirtAddr::new(PAGE), frame, allowing(RW), &mut reserved)
        .unwrap_err();
    gives_back(
        &one,
        lost,
        at,
        MapError::OutOfFrames {
            needed: needed::<F>(),
        },
    );
    other.unreserve(reserved);
    assert_eq!((one.platform().in_use(), other.platform().in_use()), (1, 1));
}

/// How many tables lie between the root and a page.
const fn needed<F: Shape>() -> usize {
    F::DEPTH - 1
}

fn a_run_in_a_table_that_is_there_is_mapped_at_once<F: Shape>() {
    let mut table = Radix::<F, _>::new(Witness::new(64)).unwrap();
    make(&mut table, Edit::Map(run(2 * PAGE, 0x7000, PAGE, READ)));
    let in_use = table.platform().in_use();
    table.platform().take();
    assert!(table.map_at_once(run(0, 0x1000, 4 * PAGE, RW)));
    let events = table.platform().take();
    assert!(matches!(events[..], [Event::Valid(_)]), "{events:?}");
    assert!(table.map_at_once(run(0, 0x1000, 4 * PAGE, RW)));
    assert_eq!(table.platform().take(), [], "no page is new");
    let mapped: Vec<_> = table.populated(area(0, MIB)).collect();
    let taken = run(2 * PAGE, 0x7000, PAGE, READ);
    let pages = [0, 1, 3].map(|page| run(page * PAGE, 0x1000 + (page * PAGE) as u64, PAGE, RW));
    assert_eq!(
        mapped,
        [pages[0], pages[1], taken, pages[2]],
        "what is there stays"
    );
    assert_eq!(table.platform().in_use(), in_use);
    table.check_invariants().unwrap();
}

fn what_needs_a_table_or_a_further_look_is_not_mapped_at_once<F: Shape>() {
    let mut table = Radix::<F, _>::new(Witness::new(64)).unwrap();
    make(&mut table, Edit::Map(run(0, 0x1000, PAGE, RW)));
    let last = run(2 * MIB - PAGE, 0x1000, PAGE, RW);
    let refused = [
        run(2 * MIB, 0x1000, PAGE, RW), // no table
        Run {
            area: area(2 * MIB - PAGE, 2 * PAGE),
            ..last
        }, // two tables
        run(F::LAST_LOW + 1 + PAGE, 0x1000, PAGE, RW), // an alias of a page with a table
        run(PAGE, 0x1800, PAGE, RW),
        run(PAGE, 1 << F::WIDTH, PAGE, RW),
        run(PAGE, (1 << F::WIDTH) - PAGE as u64, 2 * PAGE, RW), // its end
        run(PAGE, 0x1000, PAGE, Permissions::WRITE),
        run(PAGE, 0x1000, PAGE, Permissions::from_bits_retain(0x81)),
        Run {
            area: area(PAGE, PAGE / 2),
            ..last
        },
        Run {
            area: area(PAGE + 1, PAGE),
            ..last
        },
    ];
    for run in refused {
        assert!(!table.map_at_once(run), "{run:?}");
    }
    assert_eq!(table.populated(area(0, F::LAST_LOW + 1)).count(), 1);
    table.check_invariants().unwrap();
    assert!(table.map_at_once(last));
}
