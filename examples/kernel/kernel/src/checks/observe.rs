//! A page that CPUs use while it is changed: what it is now, and what they saw of it.

use core::hint::spin_loop;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use core::sync::atomic::{AtomicUsize, fence};

use kernel_vm::Access::{Read, Write};
use kernel_vm::VirtAddr;

use crate::arch;
use crate::cpus::{self, CpuSet};
use crate::layout::MAX_CPUS;
use crate::probe::{self, Fault};

/// What the page is: a number that grows with each change. Its last two bits say what may be done.
static STATE: AtomicUsize = AtomicUsize::new(BUSY);
/// The page is being changed, and anything may happen.
const BUSY: usize = 0;
pub const WRITABLE: usize = 1;
pub const READABLE: usize = 2;
pub const GONE: usize = 3;
const KINDS: usize = 4;
const END: usize = usize::MAX;

/// What the CPUs saw: each kind of state so often, how much of it was wrong, and which state each CPU saw last.
static SEEN: [AtomicUsize; KINDS] = [const { AtomicUsize::new(0) }; KINDS];
static WRONG: AtomicUsize = AtomicUsize::new(0);
static LAST: [AtomicUsize; MAX_CPUS] = [const { AtomicUsize::new(0) }; MAX_CPUS];

/// Every so often a state lasts until every CPU has seen it.
const LOOK: usize = 8;

/// The word in the page that they use: not the first, where the allocator's list goes through free frames.
pub const WORD: usize = 64;
/// What is in it; CPUs write their ids into the low bits.
pub const OURS: u64 = 0x0123_0000;

/// Nothing was seen yet.
pub fn reset() {
    STATE.store(BUSY, Relaxed);
    let counts = SEEN.iter().chain(&LAST).chain([&WRONG]);
    counts.for_each(|count| count.store(0, Relaxed));
}

/// How often each kind of state was seen, and how often what was seen was wrong.
pub fn counts() -> ([usize; KINDS], usize) {
    (
        SEEN.each_ref().map(|seen| seen.load(Relaxed)),
        WRONG.load(Relaxed),
    )
}

/// From now on anything may happen to the page, and all CPUs are to use it meanwhile.
pub fn unsettle() {
    STATE.store(BUSY, SeqCst);
    cpus::wake();
}

/// Tells what holds from now on, looks at it, and every so often waits until all others have.
pub fn announce(page: usize, round: usize, kind: usize) {
    let state = round << 2 | kind;
    STATE.store(state, SeqCst);
    cpus::wake();
    observe(page);
    if round % LOOK == 0 {
        for cpu in cpus::others().into_iter().flat_map(CpuSet::ids) {
            while LAST[cpu].load(Relaxed) != state {
                spin_loop();
            }
        }
    }
}

/// There is nothing more to see.
pub fn end() {
    STATE.store(END, SeqCst);
    cpus::wake();
}

/// What came of a load and a store.
type Found = (Result<u64, Fault>, Result<(), Fault>);

/// Uses the page once, and judges what came of it if the state was the same before and after. False at the end.
pub fn observe(page: usize) -> bool {
    let before = STATE.load(SeqCst);
    if before == END {
        return false;
    }
    let kind = before % KINDS;
    let mut is_right = judge(kind, page, access(page));
    if !is_right && kind != GONE {
        // A CPU may have cached that the page was not there. Its fault is spurious then, and met by a fence.
        arch::forget_page(VirtAddr::new(page));
        is_right = judge(kind, page, access(page));
    }
    if STATE.load(SeqCst) == before {
        LAST[cpus::this().id()].store(before, Relaxed);
        SEEN[kind].fetch_add(1, Relaxed);
        WRONG.fetch_add(usize::from(!is_right), Relaxed);
    }
    true
}

fn access(page: usize) -> Found {
    let found = (
        probe::load(page + WORD),
        probe::store(page + WORD, OURS | cpus::this().id() as u64),
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
