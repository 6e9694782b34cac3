//! Superpages that are edited in part, pages that move, and the last page of each half.

use alloc::boxed::Box;
use alloc::format;
use core::error::Error;

use kernel_vm::Access::{Read, Write};
use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::{MapError, Permissions, PhysAddr, VirtAddr};

use super::{Outcome, check};
use crate::layout::{PAGE, SPARE, SPARE_SIZE, area, direct};
use crate::memory::{Space, alloc, map, map_frame};
use crate::mode::LOWER_END;
use crate::probe::{self, Fault};
use crate::user::{self, UserSpace};
use crate::{frames, kernel_space};

type Seen = Result<(), Box<dyn Error>>;

/// Aligned to 1 GiB, as `SPARE` is.
const AT: usize = 4 << 30;
const RW: Permissions = Permissions::READ.union(Permissions::WRITE);

pub fn run() {
    check("leaf of 2 MiB", || superpage(2 << 20));
    check("leaf of 1 GiB", || superpage(1 << 30));
    check("remapped pages", remapped);
    check("last page, lower half", last_of_lower);
    check("last page, upper half", last_of_upper);
}

/// A word that tells its place.
const fn mark(offset: usize) -> u64 {
    0xfeed_0000_0000_0000 | offset as u64
}

/// The places that are tried in a leaf: both ends, both sides of what is edited in the middle, and that.
fn places(size: usize) -> [usize; 8] {
    let middle = size / 2;
    [
        0,
        PAGE,
        middle - PAGE,
        middle - 8,
        middle,
        middle + PAGE - 8,
        middle + PAGE,
        size - 8,
    ]
}

fn is_middle(size: usize, offset: usize) -> bool {
    (size / 2..size / 2 + PAGE).contains(&offset)
}

/// Tries every place: it reads as marked, and can be written, or faults.
fn try_places(size: usize, middle: Option<Permissions>) -> Seen {
    for offset in places(size) {
        let addr = AT + offset;
        let edited = is_middle(size, offset);
        let permissions = if edited { middle } else { Some(RW) };
        let allows = |access| permissions.is_some_and(|permissions| permissions.allow(access));
        let loaded = probe::load(addr);
        let expected = if allows(Read) {
            Ok(mark(offset))
        } else {
            Err(Fault::of(Read, addr))
        };
        ensure!(
            loaded == expected,
            "{addr:#x} reads {loaded:x?}, not {expected:x?}"
        );
        let stored = probe::store(addr, mark(offset));
        let expected = if allows(Write) {
            Ok(())
        } else {
            Err(Fault::of(Write, addr))
        };
        ensure!(
            stored == expected,
            "{addr:#x} is stored to: {stored:x?}, not {expected:x?}"
        );
    }
    Ok(())
}

/// The size of the leaf at `addr`; 0 without one.
fn leaf(space: &Space, addr: usize) -> usize {
    match space.backend().entry(VirtAddr::new(addr)) {
        Entry::Leaf(run) => run.area.size(),
        Entry::Empty | Entry::Hidden(_) => 0,
    }
}

fn add(space: &mut Space, offset: usize, size: usize) -> Result<(), MapError> {
    let first = PhysAddr::new(SPARE + offset as u64);
    space.add_memory_map(map(AT + offset, first, size, RW)?)?;
    space.populate(area(AT + offset, size))
}

fn superpage(size: usize) -> Outcome {
    let before = frames::free();
    let mut user = UserSpace::new()?;
    user::activate(user.satp());
    let space = &mut user.space;
    for offset in places(size) {
        let marked = probe::store(direct(PhysAddr::new(SPARE + offset as u64)), mark(offset));
        ensure!(marked.is_ok(), "{marked:?}");
    }
    let middle = area(AT + size / 2, PAGE);
    add(space, 0, size)?;
    ensure!(leaf(space, AT) == size, "a leaf of {:#x}", leaf(space, AT));
    try_places(size, Some(RW))?;

    // Protected in part, and back: one map again.
    for permissions in [Permissions::READ, Permissions::empty()] {
        space.protect(middle, permissions)?;
        try_places(size, Some(permissions))?;
    }
    space.protect(middle, RW)?;
    try_places(size, Some(RW))?;
    ensure!(space.memory_maps().len() == 1, "{space}");

    // Unmapped in part, and mapped again: one map again.
    space.unmap(middle)?;
    try_places(size, None)?;
    ensure!(space.memory_maps().len() == 2, "{space}");
    add(space, size / 2, PAGE)?;
    try_places(size, Some(RW))?;
    ensure!(space.memory_maps().len() == 1, "{space}");

    // Mapped anew, it is one leaf again; and that is split by an unmap.
    space.unmap(area(AT, size))?;
    ensure!(leaf(space, AT) == 0, "still there");
    add(space, 0, size)?;
    ensure!(leaf(space, AT) == size, "a leaf of {:#x}", leaf(space, AT));
    space.unmap(middle)?;
    try_places(size, None)?;
    let beside = (leaf(space, AT), leaf(space, AT + size / 2 - PAGE));
    space.check_invariants()?;
    drop(user);
    ensure!(
        frames::free() == before,
        "{} frames are lost",
        before - frames::free()
    );
    Ok(format!(
        "a page protected, unmapped, mapped again; leaves of {:#x} and {:#x} beside it",
        beside.0, beside.1
    ))
}

/// Moves a part of a superpage and some pages, and finds their bytes where they went.
fn remapped() -> Outcome {
    let mut user = UserSpace::new()?;
    user::activate(user.satp());
    let space = &mut user.space;
    let size = 4 << 20;
    for page in (0..size).step_by(PAGE) {
        let marked = probe::store(direct(PhysAddr::new(SPARE + page as u64)), mark(page));
        ensure!(marked.is_ok(), "{marked:?}");
    }
    add(space, 0, size)?;
    // Off by a page, off by nothing, and back.
    let moves = [
        (AT + PAGE, AT + (1 << 30)),
        (AT + (1 << 30), AT + (2 << 30) + PAGE),
        (AT + (2 << 30) + PAGE, AT + PAGE),
    ];
    let moved = size - 2 * PAGE;
    for (from, to) in moves {
        space.remap(area(from, moved), area(to, moved))?;
        for page in (0..moved).step_by(PAGE) {
            let (loaded, old) = (probe::load(to + page), probe::load(from + page));
            ensure!(
                loaded == Ok(mark(page + PAGE)),
                "{:#x} reads {loaded:x?}",
                to + page
            );
            ensure!(
                old == Err(Fault::of(Read, from + page)),
                "{:#x} reads {old:x?}",
                from + page
            );
        }
        ensure!(probe::load(AT) == Ok(mark(0)), "the page before has moved");
        space.check_invariants()?;
    }
    ensure!(space.memory_maps().len() == 1, "{space}");
    Ok(format!(
        "{} moves of {} pages, all bytes kept",
        moves.len(),
        moved / PAGE
    ))
}

/// Maps a frame at `page`, uses all of it to its last byte, and sees it go.
fn use_page(space: &mut Space, page: usize) -> Outcome {
    let frame = alloc()?;
    let phys = frame.addr();
    map_frame(space, page, frame, RW)?;
    let last = page + (PAGE - 8);
    for addr in [page, last] {
        let (stored, loaded) = (probe::store(addr, mark(addr)), probe::load(addr));
        ensure!(
            stored.is_ok() && loaded == Ok(mark(addr)),
            "{addr:#x}: {stored:?}, {loaded:x?}"
        );
    }
    let beneath = probe::load(direct(phys) + (PAGE - 8));
    ensure!(beneath == Ok(mark(last)), "the frame has {beneath:x?}");
    space.protect(area(page, PAGE), Permissions::READ)?;
    ensure!(
        probe::store(last, 0) == Err(Fault::of(Write, last)),
        "still writable"
    );
    space.unmap(area(page, PAGE))?;
    let gone = probe::load(last);
    ensure!(gone == Err(Fault::of(Read, last)), "still there: {gone:x?}");
    Ok(format!("{page:#x} to {:#x}", page + (PAGE - 1)))
}

fn last_of_lower() -> Outcome {
    let mut user = UserSpace::new()?;
    user::activate(user.satp());
    let page = LOWER_END - (PAGE - 1);
    // One further there is no page.
    let beyond = map(page + PAGE, PhysAddr::new(SPARE), PAGE, RW)?;
    let refused = user.space.add_memory_map(beyond).map_err(MapError::from);
    ensure!(
        matches!(refused, Err(MapError::OutOfRange { .. })),
        "{refused:?}"
    );
    use_page(&mut user.space, page)
}

fn last_of_upper() -> Outcome {
    kernel_space::with(|space| use_page(space, usize::MAX - (PAGE - 1)))
}

// The marks go into the first bytes of the spare memory, which must have room for the largest leaf.
const _: () = assert!(SPARE_SIZE == 1 << 30 && SPARE % (1 << 30) == 0);
