//! The harts: who this one is, starting the others, and giving them something to do.

use core::arch::asm;
use core::hint::spin_loop;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicUsize};

use crate::layout::{MAX_HARTS, phys};
use crate::lock::Lock;
use crate::{boot, sbi};

/// What a hart keeps for itself; `tp` points to it while the hart is in the kernel.
#[derive(Debug)]
#[repr(C)]
pub struct Hart {
    id: AtomicUsize,
    /// Where to go on after a fault that was expected; 0 when none is ([`probe`](crate::probe)).
    pub recover: AtomicUsize,
    /// The fault that came then.
    pub cause: AtomicUsize,
    pub addr: AtomicUsize,
    /// Whether there is a job to do.
    has_job: AtomicBool,
}

static HARTS: [Hart; MAX_HARTS] = [const {
    Hart {
        id: AtomicUsize::new(0),
        recover: AtomicUsize::new(0),
        cause: AtomicUsize::new(0),
        addr: AtomicUsize::new(0),
        has_job: AtomicBool::new(false),
    }
}; MAX_HARTS];

/// The harts that are up, a bit each.
static ONLINE: AtomicUsize = AtomicUsize::new(0);

/// What the other harts are to do, and how many of them are still at it.
static JOB: Lock<Option<&'static (dyn Fn() + Sync)>> = Lock::new(None);
static AT_WORK: AtomicUsize = AtomicUsize::new(0);

/// Tells this hart who it is, before anything asks.
pub fn init(id: usize) {
    let hart = &HARTS[id];
    hart.id.store(id, Relaxed);
    // SAFETY: compiled code leaves `tp` alone, and our own assembly keeps it or saves it.
    unsafe { asm!("mv tp, {}", in(reg) hart, options(nomem, nostack)) };
    ONLINE.fetch_or(1 << id, AcqRel);
}

/// This hart.
pub fn this() -> &'static Hart {
    let hart: *const Hart;
    // SAFETY: reading a register changes nothing.
    unsafe { asm!("mv {}, tp", out(reg) hart, options(nomem, nostack, pure)) };
    // SAFETY: `init` has put an element of `HARTS` there, before anything asked.
    unsafe { &*hart }
}

impl Hart {
    pub fn id(&self) -> usize {
        self.id.load(Relaxed)
    }
}

/// The harts that are up.
pub fn all() -> sbi::Harts {
    sbi::Harts(ONLINE.load(Acquire))
}

/// These harts but this one; `None` when there are none.
pub fn others_of(harts: sbi::Harts) -> Option<sbi::Harts> {
    let others = harts.0 & !(1 << this().id());
    (others != 0).then_some(sbi::Harts(others))
}

/// The harts that are up but this one; `None` when there are none.
pub fn others() -> Option<sbi::Harts> {
    others_of(all())
}

/// How many harts are up.
pub fn count() -> usize {
    all().0.count_ones() as usize
}

/// Starts all other harts, and waits until they are up.
pub fn start_others() {
    let mut up = 1;
    for id in (0..MAX_HARTS).filter(|&id| id != this().id() && sbi::has_hart(id)) {
        let entry = phys(boot::other_entry()).get();
        sbi::start_hart(id, entry).expect("a stopped hart starts");
        up += 1;
    }
    while count() < up {
        spin_loop();
    }
}

/// What the other harts do for good: sleep until there is a job, do it, and sleep again.
pub fn serve() -> ! {
    loop {
        nap();
        if this().has_job.swap(false, Acquire) {
            let job = *JOB.lock();
            job.inspect(|job| job());
            AT_WORK.fetch_sub(1, Release);
        }
    }
}

/// Sleeps until another hart [wakes](wake) this one, or for no reason at all. A hart that was woken since the last time
/// does not sleep.
pub fn nap() {
    // SAFETY: the software interrupt wakes the hart from `wfi`, and is forgotten. It is not taken: interrupts stay off
    // in the kernel, and this one is off again before a program runs.
    unsafe { asm!("csrs sie, {0}", "wfi", "csrc sip, {0}", "csrc sie, {0}", in(reg) 2) };
}

/// Wakes all other harts.
pub fn wake() {
    if let Some(others) = others() {
        sbi::send_ipi(others).expect("the firmware wakes harts that it has started");
    }
}

/// Does `job` on every other hart while `here` runs on this one, and waits for all.
pub fn with_others<R>(job: &(dyn Fn() + Sync), here: impl FnOnce() -> R) -> R {
    // SAFETY: no hart uses the job after this function: it waits for all of them, and a panic stops the machine.
    let job: &'static (dyn Fn() + Sync) = unsafe { core::mem::transmute(job) };
    *JOB.lock() = Some(job);
    if let Some(others) = others() {
        AT_WORK.store(count() - 1, Relaxed);
        for hart in (0..MAX_HARTS).filter(|id| others.0 & 1 << id != 0) {
            HARTS[hart].has_job.store(true, Release);
        }
        wake();
    }
    let answer = here();
    while AT_WORK.load(Acquire) != 0 {
        spin_loop();
    }
    *JOB.lock() = None;
    answer
}
