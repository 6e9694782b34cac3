//! All harts in one space, using a page under load while one of them changes its map: each change is seen by all when
//! the call returns, and the frame behind the page is never somebody else's while any hart reaches it.

use alloc::boxed::Box;
use alloc::format;
use core::error::Error;
use core::hint::spin_loop;
use core::sync::atomic::Ordering::{Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicUsize, fence};

use kernel_vm::Access::{Read, Write};
use kernel_vm::backend::riscv;
use kernel_vm::{Frame, MapError, Permissions, PhysAddr, VirtAddr};

use super::{Outcome, check};
use crate::layout::{MAX_HARTS, PAGE, SCRATCH, SPARE, area, direct};
use crate::memory::{Memory, Space, alloc, map, map_frame};
use crate::probe::{self, Fault};
use crate::user::{self, UserSpace};
use crate::{frames, harts, kernel_space};

const ROUNDS: usize = 2000;
/// Every so often the others get the time to see a state many times.
const LOOK: usize = 16;
/// A hart that was woken uses the page so many times, and sleeps again: if all went on and on, each change would wait
/// until the host had given all of them their turns.
const BURST: usize = 64;

/// What the page is: a number that grows with each change. Its last two bits say what may be done.
static STATE: AtomicUsize = AtomicUsize::new(BUSY);
/// The page is being changed, and anything may happen.
const BUSY: usize = 0;
const WRITABLE: usize = 1;
const READABLE: usize = 2;
const GONE: usize = 3;
const KINDS: usize = 4;
const END: usize = usize::MAX;

/// What the harts saw: each kind of state so often, and how much of it was wrong.
static SEEN: [AtomicUsize; KINDS] = [const { AtomicUsize::new(0) }; KINDS];
static WRONG: AtomicUsize = AtomicUsize::new(0);

/// What the page holds while it is mapped (or any other word that ends so), and what its frame holds afterwards.
const OURS: u64 = 0x0123_0000;
const THEIRS: u64 = 0xdead_dead_dead_dead;
/// Where: not at the start, where the allocator's list goes through free frames.
const WORD: usize = 64;

pub fn run() {
    check("shootdown, user half", user_half);
    check("shootdown, kernel half", kernel_half);
    check("populate from all harts", populate_together);
}

/// What is done to the page.
enum Change {
    Map(Frame),
    Protect,
    Unmap,
}

fn apply(space: &mut Space, page: usize, change: Change) -> Result<(), MapError> {
    let rw = Permissions::READ | Permissions::WRITE;
    match change {
        Change::Map(frame) => map_frame(space, page, frame, rw),
        Change::Protect => space.protect(area(page, PAGE), Permissions::READ),
        // The frame goes back to the allocator in here.
        Change::Unmap => space.unmap(area(page, PAGE)),
    }
}

fn user_half() -> Outcome {
    let before = frames::free();
    let mut user = UserSpace::new()?;
    user::activate(user.satp());
    let (page, satp) = (0x7000_0000, user.satp());
    let said = under_load(page, &|| user::activate(satp), |change| {
        apply(&mut user.space, page, change)
    })?;
    drop(user);
    ensure!(
        frames::free() == before,
        "{} frames are lost",
        before - frames::free()
    );
    Ok(said)
}

fn kernel_half() -> Outcome {
    let change = |change| kernel_space::with(|space| apply(space, SCRATCH, change));
    under_load(SCRATCH, &|| (), change)
}

/// Changes the page, again and again, while all other harts use it, each in the space that it has entered.
fn under_load(
    page: usize,
    enter: &(dyn Fn() + Sync),
    change: impl FnMut(Change) -> Result<(), MapError>,
) -> Outcome {
    STATE.store(BUSY, Relaxed);
    [&WRONG]
        .into_iter()
        .chain(&SEEN)
        .for_each(|count| count.store(0, Relaxed));
    let watch = || {
        enter();
        while (0..BURST).all(|_| observe(page)) {
            harts::nap();
        }
        kernel_space::activate();
    };
    let reused = harts::with_others(&watch, || {
        let reused = rounds(page, change);
        STATE.store(END, Release);
        harts::wake();
        reused
    })?;
    let wrong = WRONG.load(Relaxed);
    ensure!(wrong == 0, "{wrong} times a hart saw what was no more");
    let [busy, writable, readable, gone] = SEEN.each_ref().map(|seen| seen.load(Relaxed));
    Ok(format!(
        "{ROUNDS} protects and unmaps, {busy} uses meanwhile; then seen {readable} times read-only, {gone} times gone \
         ({writable} writable); {reused} frames reused at once"
    ))
}

/// Answers how often the next frame that was allocated was the one that the page had just had.
fn rounds(
    page: usize,
    mut change: impl FnMut(Change) -> Result<(), MapError>,
) -> Result<usize, Box<dyn Error>> {
    let mut reused = 0;
    for round in 1..=ROUNDS {
        let frame = alloc()?;
        let phys = frame.addr();
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
        ensure!(
            now == kept,
            "round {round}: a hart wrote {now:#x} after the protect"
        );

        unsettle();
        change(Change::Unmap)?;
        // The frame is free: somebody else takes it, and puts something into it.
        let next = Memory::page(alloc()?);
        reused += usize::from(next.addr() == Some(phys));
        write(THEIRS)?;
        announce(page, round, GONE);
        let now = read()?;
        ensure!(
            now == THEIRS,
            "round {round}: a hart wrote {now:#x} after the unmap"
        );
        STATE.store(BUSY, SeqCst);
    }
    Ok(reused)
}

/// From now on anything may happen to the page, and all harts are to use it meanwhile.
fn unsettle() {
    STATE.store(BUSY, SeqCst);
    harts::wake();
}

/// Tells what holds from now on, looks at it, and every so often waits until all others have.
fn announce(page: usize, round: usize, kind: usize) {
    STATE.store(round << 2 | kind, SeqCst);
    let before = SEEN[kind].load(Relaxed);
    harts::wake();
    observe(page);
    if round % LOOK == 0 {
        while SEEN[kind].load(Relaxed) - before < 2 * harts::count() - 1 && harts::count() > 1 {
            spin_loop();
        }
    }
}

/// What came of a load and a store.
type Found = (Result<u64, Fault>, Result<(), Fault>);

/// Uses the page once, and judges what came of it if the state was the same before and after. False at the end.
fn observe(page: usize) -> bool {
    let before = STATE.load(SeqCst);
    if before == END {
        return false;
    }
    let kind = before % KINDS;
    let mut is_right = judge(kind, page, access(page));
    if !is_right && kind != GONE {
        // A hart may have cached that the page was not there. Its fault is spurious then, and met by a fence.
        riscv::sfence_vma_addr(VirtAddr::new(page));
        is_right = judge(kind, page, access(page));
    }
    if STATE.load(SeqCst) == before {
        SEEN[kind].fetch_add(1, Relaxed);
        WRONG.fetch_add(usize::from(!is_right), Relaxed);
    }
    true
}

fn access(page: usize) -> Found {
    let found = (
        probe::load(page + WORD),
        probe::store(page + WORD, OURS | harts::this().id() as u64),
    );
    fence(SeqCst);
    found
}

fn judge(kind: usize, page: usize, (loaded, stored): Found) -> bool {
    let is_ours = loaded.is_ok_and(|word| word & !0xffff == OURS);
    let no_load = loaded == Err(Fault::of(Read, page + WORD));
    let no_store = stored == Err(Fault::of(Write, page + WORD));
    match kind {
        WRITABLE => is_ours && stored.is_ok(),
        READABLE => is_ours && no_store,
        GONE => no_load && no_store,
        _ => true,
    }
}

/// Harts write the entries of one area at the same time, each from another end.
fn populate_together() -> Outcome {
    let before = frames::free();
    let mut user = UserSpace::new()?;
    user::activate(user.satp());
    // Off by a page, so that every page has a leaf of its own.
    let (start, size) = (0x7000_0000, 16 << 20);
    let first = PhysAddr::new(SPARE + PAGE as u64);
    user.space
        .add_memory_map(map(start, first, size, Permissions::READ)?)?;
    let (space, refused) = (&user.space, AtomicUsize::new(0));
    let part = size / MAX_HARTS;
    let job = || {
        let id = harts::this().id();
        for turn in 0..MAX_HARTS {
            let at = start + (id + turn) % MAX_HARTS * part;
            refused.fetch_add(
                usize::from(space.populate(area(at, part)).is_err()),
                Relaxed,
            );
        }
    };
    harts::with_others(&job, &job);
    ensure!(refused.load(Relaxed) == 0, "{refused:?} times refused");
    for offset in (0..size).step_by(PAGE) {
        let word = direct(first) + offset;
        let stored = probe::store(word, offset as u64);
        let loaded = probe::load(start + offset);
        ensure!(
            stored.is_ok() && loaded == Ok(offset as u64),
            "{offset:#x} reads {loaded:x?}"
        );
    }
    space.check_invariants()?;
    drop(user);
    ensure!(
        frames::free() == before,
        "{} frames are lost",
        before - frames::free()
    );
    Ok(format!(
        "{} pages by {} at once",
        size / PAGE,
        harts::count()
    ))
}
