//! All CPUs in one space, using a page under load while one of them changes its map. Each change is seen by all when
//! the call returns. The frame behind the page is never somebody else's while any CPU reaches it.

use alloc::boxed::Box;
use alloc::format;
use core::error::Error;

use kernel_vm::{Frame, MapError};

use super::observe::{self, GONE, OURS, READABLE, WORD, WRITABLE, announce, observe, unsettle};
use super::{Outcome, all_back, check};
use crate::layout::{PAGE, SCRATCH, area, direct};
use crate::memory::{Memory, R, RW, Space, alloc, map_frame};
use crate::user::UserSpace;
use crate::{cpus, frames, kernel_space, probe};

const ROUNDS: usize = 2000;
/// A CPU that was woken uses the page so many times, and sleeps again: if all went on and on, each change would wait
/// until the host had given all of them their turns.
const BURST: usize = 64;

/// What somebody else puts into the frame, when it is not the page's any more.
const THEIRS: u64 = 0xdead_dead_dead_dead;

pub fn run() {
    check("shootdown, user half", user_half);
    check("shootdown, kernel half", kernel_half);
}

/// What is done to the page.
enum Change {
    Map(Frame),
    Protect,
    Unmap,
}

fn apply(space: &mut Space, page: usize, change: Change) -> Result<(), MapError> {
    match change {
        Change::Map(frame) => map_frame(space, page, frame, RW),
        Change::Protect => space.protect(area(page, PAGE), R),
        // The frame goes back to the allocator in here.
        Change::Unmap => space.unmap(area(page, PAGE)),
    }
}

fn user_half() -> Outcome {
    let before = frames::free();
    let user = UserSpace::new()?;
    user.activate();
    let (page, root, tags) = (0x7000_0000, user.root(), user.tags());
    let enter = || {
        // SAFETY: the other CPUs have left the space when `under_load` returns, and it is dropped after that.
        let _ = unsafe { tags.activate(root) };
    };
    let said = under_load(page, &enter, |change| {
        apply(&mut user.change(), page, change)
    })?;
    drop(user);
    all_back(before)?;
    Ok(said)
}

fn kernel_half() -> Outcome {
    let change = |change| kernel_space::with(|space| apply(space, SCRATCH, change));
    under_load(SCRATCH, &|| (), change)
}

/// Changes the page, again and again, while all other CPUs use it, each in the space that it has entered.
fn under_load(
    page: usize,
    enter: &(dyn Fn() + Sync),
    change: impl FnMut(Change) -> Result<(), MapError>,
) -> Outcome {
    observe::reset();
    let watch = || {
        enter();
        while (0..BURST).all(|_| observe(page)) {
            cpus::nap();
        }
        kernel_space::activate();
    };
    let reused = cpus::with_others(&watch, || {
        let reused = rounds(page, change);
        observe::end();
        reused
    })?;
    let (seen, wrong) = observe::counts();
    ensure!(wrong == 0, "{wrong} times a CPU saw what was no more");
    let [busy, _, readable, gone] = seen;
    Ok(format!(
        "{ROUNDS} protects and unmaps under {busy} uses, seen {readable} and {gone} times, {reused} frames reused at once"
    ))
}

/// Answers how often the next frame that was allocated was the one that the page had just had.
fn rounds(
    page: usize,
    mut change: impl FnMut(Change) -> Result<(), MapError>,
) -> Result<usize, Box<dyn Error>> {
    let mut reused = 0;
    for round in 1..=ROUNDS {
        let is_reused = one_round(page, round, &mut change);
        reused += usize::from(is_reused.map_err(|why| format!("round {round}: {why}"))?);
    }
    Ok(reused)
}

/// Maps a frame, makes it read-only, and takes it away. Answers whether it was the next to be allocated.
fn one_round(
    page: usize,
    round: usize,
    change: &mut impl FnMut(Change) -> Result<(), MapError>,
) -> Result<bool, Box<dyn Error>> {
    let frame = alloc()?;
    let phys = frame.addr();
    // The frame's word is used here beside the page, in the direct map.
    let word = direct(phys) + WORD;
    let read = || probe::load(word).map_err(|fault| format!("{fault:?}"));
    let write = |value| probe::store(word, value).map_err(|fault| format!("{fault:?}"));
    write(OURS)?;
    change(Change::Map(frame))?;
    announce(page, round, WRITABLE);

    unsettle();
    change(Change::Protect)?;
    let kept = read()?;
    announce(page, round, READABLE);
    let now = read()?;
    ensure!(now == kept, "a CPU wrote {now:#x} after the protect");

    unsettle();
    change(Change::Unmap)?;
    // The frame is free: somebody else takes it, and puts something into it.
    let next = Memory::page(alloc()?);
    write(THEIRS)?;
    announce(page, round, GONE);
    let now = read()?;
    ensure!(now == THEIRS, "a CPU wrote {now:#x} after the unmap");
    unsettle();
    Ok(next.addr() == Some(phys))
}
