//! Pages that move, and the last page of each half.

use alloc::format;

use kernel_vm::Access::{Read, Write};
use kernel_vm::{MapError, PhysAddr};

use super::{Outcome, Seen, check};
use crate::kernel_space;
use crate::layout::{PAGE, SPARE, area, direct};
use crate::memory::{R, RW, Space, alloc, map, map_frame};
use crate::mode::LOWER_END;
use crate::probe::{self, Fault};
use crate::user::UserSpace;

const AT: usize = 4 << 30;

pub fn run() {
    check("remapped pages", remapped);
    check("last page, lower half", last_of_lower);
    check("last page, upper half", last_of_upper);
}

/// A word that tells its place.
const fn mark(place: usize) -> u64 {
    0xfeed_0000_0000_0000 | place as u64
}

/// Moves a part of a superpage and some pages, and finds their bytes where they went.
fn remapped() -> Outcome {
    let user = UserSpace::new()?;
    user.activate();
    let mut held = user.change();
    let space = &mut *held;
    let size = 4 << 20;
    for page in (0..size).step_by(PAGE) {
        let marked = probe::store(direct(PhysAddr::new(SPARE + page as u64)), mark(page));
        ensure!(marked.is_ok(), "{marked:?}");
    }
    space.add_memory_map(map(AT, PhysAddr::new(SPARE), size, RW)?)?;
    space.populate(area(AT, size))?;
    // Off by a page, off by nothing, and back.
    let moves = [
        (AT + PAGE, AT + (1 << 30)),
        (AT + (1 << 30), AT + (2 << 30) + PAGE),
        (AT + (2 << 30) + PAGE, AT + PAGE),
    ];
    let moved = size - 2 * PAGE;
    for (from, to) in moves {
        space.remap(area(from, moved), area(to, moved))?;
        try_moved(from, to, moved)?;
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

/// Every page is at its new place, and not at its old one.
fn try_moved(from: usize, to: usize, size: usize) -> Seen {
    for page in (0..size).step_by(PAGE) {
        let (new, old) = (to + page, from + page);
        let (loaded, left) = (probe::load(new), probe::load(old));
        ensure!(
            loaded == Ok(mark(page + PAGE)),
            "{new:#x} reads {loaded:x?}"
        );
        ensure!(
            left == Err(Fault::of(Read, old)),
            "{old:#x} reads {left:x?}"
        );
    }
    Ok(())
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
    space.protect(area(page, PAGE), R)?;
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
    let user = UserSpace::new()?;
    user.activate();
    let page = LOWER_END - (PAGE - 1);
    // One further there is no page.
    let beyond = map(page + PAGE, PhysAddr::new(SPARE), PAGE, RW)?;
    let refused = user.change().add_memory_map(beyond).map_err(MapError::from);
    ensure!(
        matches!(refused, Err(MapError::OutOfRange { .. })),
        "{refused:?}"
    );
    use_page(&mut user.change(), page)
}

fn last_of_upper() -> Outcome {
    kernel_space::with(|space| use_page(space, usize::MAX - (PAGE - 1)))
}
