//! Random maps and random addresses: the MMU, `translate_vaddr` and the tree of maps must say the same.

use alloc::boxed::Box;
use alloc::format;
use core::error::Error;

use kernel_vm::Access::{Read, Write};
use kernel_vm::backend::PageTableBackend;
use kernel_vm::{MapError, MemoryArea, Permissions, PhysAddr, VirtAddr};

use super::{Outcome, all_back, check};
use crate::arch;
use crate::frames;
use crate::layout::{PAGE, SPARE, SPARE_SIZE, area, direct};
use crate::memory::{R, RW, RX, Space, map};
use crate::probe::{self, Fault};
use crate::rng::Rng;
use crate::user::UserSpace;

/// How many times the maps are changed. Three addresses are tried each time.
const EDITS: usize = 6000;
/// From time to time everything is compared with everything.
const AUDIT: usize = 500;

/// What can be executed, and no more than that where entries can say so.
const CODE: Permissions = if arch::EXECUTE_ONLY {
    Permissions::EXECUTE
} else {
    RX
};

const CHOICES: [Permissions; 5] = [R, RW, RW, CODE, Permissions::empty()];

pub fn run() {
    check("random maps", random_maps);
}

/// What was found so far.
#[derive(Default)]
struct Tally {
    added: usize,
    edited: usize,
    read: usize,
    faulted: usize,
}

fn random_maps() -> Outcome {
    let before = frames::free();
    let user = UserSpace::new()?;
    user.activate();
    let mut rng = Rng::new(0x5eed);
    let mut tally = Tally::default();
    for turn in 1..=EDITS {
        // What this CPU has cached of the area before the edit must not count afterwards.
        let at = any_area(&user.look(), &mut rng);
        let inside = (at.start().get() + rng.below(at.size())) & !7;
        try_address(&user.look(), inside, turn as u64, &mut tally)?;
        edit(&mut user.change(), at, &mut rng, &mut tally)?;
        try_address(&user.look(), inside, turn as u64, &mut tally)?;
        let elsewhere = any_address(&user.look(), &mut rng) & !7;
        try_address(&user.look(), elsewhere, turn as u64, &mut tally)?;
        if turn % AUDIT == 0 {
            user.look().check_invariants()?;
        }
    }
    let maps = user.look().memory_maps().len();
    drop(user);
    all_back(before)?;
    let Tally {
        added,
        edited,
        read,
        faulted,
    } = tally;
    Ok(format!(
        "{added} maps, {edited} edits ({maps} maps left), {read} addresses read as said, {faulted} faulted as said"
    ))
}

/// An area of random place and size: often large and aligned, so that there are superpages to split.
fn any_area(space: &Space, rng: &mut Rng) -> MemoryArea {
    let lower = space.backend().ranges()[0];
    let unit = rng.one_of(&[PAGE, PAGE, PAGE, 2 << 20, 2 << 20, 1 << 30]);
    let most = if unit == PAGE { 64 } else { 4 };
    let size = unit * (1 + rng.below(most));
    // Most of them near each other, so that they meet.
    let window = if rng.below(4) == 0 {
        lower.size()
    } else {
        16 << 30
    };
    let start = rng.below((window - size) / PAGE) * PAGE / unit * unit;
    let shift = if rng.below(3) == 0 && unit < 1 << 30 {
        PAGE * rng.below(8)
    } else {
        0
    };
    area(start.saturating_sub(shift), size)
}

fn edit(
    space: &mut Space,
    at: MemoryArea,
    rng: &mut Rng,
    tally: &mut Tally,
) -> Result<(), MapError> {
    let permissions = rng.one_of(&CHOICES);
    let done = match rng.below(8) {
        0 => space.unmap(at),
        // What was mapped without permissions has no entries yet.
        1 => space
            .protect(at, permissions)
            .and_then(|()| space.populate(at)),
        2 => {
            let to = any_area(space, rng);
            // Where a large area is not aligned as its frames are, it takes a leaf a page.
            let size = at.size().min(to.size()).min(16 << 20);
            space.remap(area(at.start().get(), size), area(to.start().get(), size))
        }
        _ => {
            space.unmap(at)?;
            let size = at.size().min(SPARE_SIZE);
            // As often as not, aligned as the pages are; large ones always.
            let aligned = size > 16 << 20 || rng.below(2) == 0;
            let first = if aligned {
                at.start().get() % SPARE_SIZE
            } else {
                PAGE
            };
            let first = PhysAddr::new(SPARE + first.min(SPARE_SIZE - size) as u64);
            space.add_memory_map(map(at.start().get(), first, size, permissions)?)?;
            tally.added += 1;
            space.populate(at)
        }
    };
    match done {
        Ok(()) => tally.edited += 1,
        Err(MapError::NotMapped { .. } | MapError::MovesOntoItself { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// An address in a map, just outside one, or anywhere.
fn any_address(space: &Space, rng: &mut Rng) -> usize {
    let anywhere = rng.below(space.backend().ranges()[0].size());
    let maps = space.memory_maps().len();
    if maps == 0 || rng.below(8) == 0 {
        return anywhere;
    }
    let Some(map) = space
        .get_memory_map(rng.below(maps))
        .map(|map| map.vmarea())
    else {
        return anywhere;
    };
    match rng.below(8) {
        0 => map.start().get().saturating_sub(8),
        1 => map
            .end()
            .get()
            .saturating_add(8)
            .min(space.backend().ranges()[0].end().get()),
        2 => map.start().get(),
        3 => map.end().get(),
        _ => map.start().get() + rng.below(map.size()),
    }
}

/// Writes `mark` where the space says that `addr` leads, and reads it through the mapping; or sees it fault.
fn try_address(
    space: &Space,
    addr: usize,
    mark: u64,
    tally: &mut Tally,
) -> Result<(), Box<dyn Error>> {
    let at = VirtAddr::new(addr);
    let found = space.search_memory_map(at);
    let said = space.translate_vaddr(at);
    ensure!(
        found.and_then(|map| map.translate(at)) == said,
        "tree and translation differ at {at}"
    );
    let permissions = found.map_or(Permissions::empty(), |map| map.permissions());
    let walked = space.backend().translate(at);
    ensure!(
        walked == said.filter(|_| permissions.allow_any()),
        "the table says {walked:?} at {at}, the space {said:?} {permissions}"
    );
    let loaded = probe::load(addr);
    let Some(phys) = said.filter(|_| permissions.allow(Read)) else {
        ensure!(
            loaded == Err(Fault::of(Read, addr)),
            "{at} with {permissions}: {loaded:?}"
        );
        tally.faulted += 1;
        return Ok(());
    };
    let mark = mark << 32 | addr as u64 >> 12;
    probe::store(direct(phys), mark).map_err(|fault| format!("{phys}: {fault:?}"))?;
    let loaded = probe::load(addr);
    ensure!(
        loaded == Ok(mark),
        "{at} reads {loaded:x?}, and {mark:#x} is at {phys}"
    );
    let stored = probe::store(addr, !mark);
    if permissions.allow(Write) {
        let there = probe::load(direct(phys));
        ensure!(
            stored.is_ok() && there == Ok(!mark),
            "{stored:?} at {at}, {there:x?} at {phys}"
        );
    } else {
        ensure!(
            stored == Err(Fault::of(Write, addr)),
            "{at} with {permissions}: {stored:?}"
        );
    }
    tally.read += 1;
    Ok(())
}
