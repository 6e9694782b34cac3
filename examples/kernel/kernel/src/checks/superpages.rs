//! Superpages that are edited in part.

use alloc::boxed::Box;
use alloc::format;
use core::error::Error;

use kernel_vm::Access::{Read, Write};
use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::{MapError, Permissions, PhysAddr, VirtAddr};

use super::{Outcome, Seen, all_back, check, skip};
use crate::frames;
use crate::layout::{PAGE, SPARE, area, direct};
use crate::memory::{R, RW, Space, map};
use crate::mode::largest_leaf;
use crate::probe::{self, Fault};
use crate::user::UserSpace;

/// Aligned to 1 GiB, as `SPARE` is.
const AT: usize = 4 << 30;

pub fn run() {
    for (name, size) in [("leaf of 2 MiB", 2 << 20), ("leaf of 1 GiB", 1 << 30)] {
        if size <= largest_leaf() {
            check(name, || superpage(size));
        } else {
            skip(name, "this CPU has none so large");
        }
    }
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
        let permissions = if is_middle(size, offset) {
            middle
        } else {
            Some(RW)
        };
        try_place(offset, permissions.unwrap_or_default())?;
    }
    Ok(())
}

fn try_place(offset: usize, permissions: Permissions) -> Seen {
    let addr = AT + offset;
    let (loaded, stored) = (probe::load(addr), probe::store(addr, mark(offset)));
    let load = if permissions.allow(Read) {
        Ok(mark(offset))
    } else {
        Err(Fault::of(Read, addr))
    };
    let store = if permissions.allow(Write) {
        Ok(())
    } else {
        Err(Fault::of(Write, addr))
    };
    ensure!(loaded == load, "{addr:#x} reads {loaded:x?}, not {load:x?}");
    ensure!(
        stored == store,
        "{addr:#x} is stored to: {stored:x?}, not {store:x?}"
    );
    Ok(())
}

/// The size of the leaf at `addr`; 0 without one.
fn leaf(space: &Space, addr: usize) -> usize {
    match space.backend().entry(VirtAddr::new(addr)) {
        Entry::Leaf(run) => run.area.size(),
        Entry::Empty | Entry::Hidden(_) | Entry::Busy => 0,
    }
}

fn add(space: &mut Space, offset: usize, size: usize) -> Result<(), MapError> {
    let first = PhysAddr::new(SPARE + offset as u64);
    space.add_memory_map(map(AT + offset, first, size, RW)?)?;
    space.populate(area(AT + offset, size))
}

fn superpage(size: usize) -> Outcome {
    let before = frames::free();
    let user = UserSpace::new()?;
    user.activate();
    for offset in places(size) {
        let marked = probe::store(direct(PhysAddr::new(SPARE + offset as u64)), mark(offset));
        ensure!(marked.is_ok(), "{marked:?}");
    }
    map_whole(&mut user.change(), size)?;
    protect_part(&mut user.change(), size)?;
    unmap_part(&mut user.change(), size)?;
    let beside = split_anew(&mut user.change(), size)?;
    user.look().check_invariants()?;
    drop(user);
    all_back(before)?;
    Ok(format!(
        "a page protected, unmapped, mapped again; a leaf of {beside:#x} at its start then"
    ))
}

/// All of it is one leaf.
fn map_whole(space: &mut Space, size: usize) -> Seen {
    add(space, 0, size)?;
    ensure!(leaf(space, AT) == size, "a leaf of {:#x}", leaf(space, AT));
    try_places(size, Some(RW))
}

/// A page in the middle has other permissions for a while. Then all is one map again.
fn protect_part(space: &mut Space, size: usize) -> Seen {
    let middle = area(AT + size / 2, PAGE);
    for permissions in [R, Permissions::empty(), RW] {
        space.protect(middle, permissions)?;
        try_places(size, Some(permissions))?;
    }
    ensure!(space.memory_maps().len() == 1, "{space}");
    Ok(())
}

/// The page is gone for a while. Then all is one map again.
fn unmap_part(space: &mut Space, size: usize) -> Seen {
    space.unmap(area(AT + size / 2, PAGE))?;
    try_places(size, None)?;
    ensure!(space.memory_maps().len() == 2, "{space}");
    add(space, size / 2, PAGE)?;
    try_places(size, Some(RW))?;
    ensure!(space.memory_maps().len() == 1, "{space}");
    Ok(())
}

/// Mapped anew, it is one leaf again, which an unmap splits. Answers the size of the first leaf then.
fn split_anew(space: &mut Space, size: usize) -> Result<usize, Box<dyn Error>> {
    space.unmap(area(AT, size))?;
    ensure!(leaf(space, AT) == 0, "still there");
    map_whole(space, size)?;
    space.unmap(area(AT + size / 2, PAGE))?;
    try_places(size, None)?;
    Ok(leaf(space, AT))
}
