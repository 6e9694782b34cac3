//! The CPUs: who this one is, starting the others, and giving them something to do.

use core::hint::spin_loop;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicUsize};

use crate::arch;
use crate::layout::MAX_CPUS;
use crate::lock::Lock;

/// What a CPU keeps for itself: [`arch::this`] finds it while the CPU is in the kernel.
#[derive(Debug)]
pub struct Cpu {
    id: AtomicUsize,
    /// Where to go on after a fault that was expected; 0 when none is ([`probe`](crate::probe)).
    pub recover: AtomicUsize,
    /// The fault that came then: the access by its number, and the address.
    pub fault: AtomicUsize,
    pub addr: AtomicUsize,
    /// Whether there is a job to do.
    has_job: AtomicBool,
    /// What the architecture keeps beside these.
    #[allow(dead_code, reason = "not every architecture keeps more")]
    pub own: arch::Own,
}

static CPUS: [Cpu; MAX_CPUS] = [const {
    Cpu {
        id: AtomicUsize::new(0),
        recover: AtomicUsize::new(0),
        fault: AtomicUsize::new(0),
        addr: AtomicUsize::new(0),
        has_job: AtomicBool::new(false),
        own: arch::Own::new(),
    }
}; MAX_CPUS];

/// CPUs, a bit each, by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuSet(pub usize);

impl CpuSet {
    pub fn ids(self) -> impl Iterator<Item = usize> {
        (0..MAX_CPUS).filter(move |id| self.0 & 1 << id != 0)
    }
}

/// The CPUs that are up.
static ONLINE: AtomicUsize = AtomicUsize::new(0);

/// What the other CPUs are to do, and how many of them are still at it.
static JOB: Lock<Option<&'static (dyn Fn() + Sync)>> = Lock::new(None);
static AT_WORK: AtomicUsize = AtomicUsize::new(0);

/// Tells this CPU who it is, before anything asks.
pub fn init(id: usize) {
    let cpu = &CPUS[id];
    cpu.id.store(id, Relaxed);
    arch::set_this(cpu);
}

/// Says that this CPU is up: from now on it hears of flushes.
pub fn announce() {
    ONLINE.fetch_or(1 << this().id(), AcqRel);
}

/// This CPU.
#[inline]
pub fn this() -> &'static Cpu {
    let cpu = arch::this();
    // SAFETY: `init` has put an element of `CPUS` there, before anything asked.
    unsafe { &*cpu }
}

impl Cpu {
    #[inline]
    pub fn id(&self) -> usize {
        self.id.load(Relaxed)
    }
}

/// The CPUs that are up.
pub fn all() -> CpuSet {
    CpuSet(ONLINE.load(Acquire))
}

/// These CPUs but this one; `None` when there are none.
pub fn others_of(cpus: CpuSet) -> Option<CpuSet> {
    let others = cpus.0 & !(1 << this().id());
    (others != 0).then_some(CpuSet(others))
}

/// The CPUs that are up but this one; `None` when there are none.
pub fn others() -> Option<CpuSet> {
    others_of(all())
}

/// How many CPUs are up.
pub fn count() -> usize {
    all().0.count_ones() as usize
}

/// Starts all other CPUs, and waits until they are up.
pub fn start_others() {
    let started = (0..MAX_CPUS).filter(|&id| id != this().id() && arch::start_cpu(id));
    let up = 1 + started.count();
    while count() < up {
        spin_loop();
    }
}

/// What the other CPUs do for good: sleep until there is a job, do it, and sleep again.
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

/// Sleeps until another CPU [wakes](wake) this one, or for no reason at all. A CPU that was woken since the last time
/// does not sleep.
pub fn nap() {
    arch::nap();
}

/// Wakes all other CPUs.
pub fn wake() {
    if let Some(others) = others() {
        arch::wake(others);
    }
}

/// Does `job` on every other CPU while `here` runs on this one, and waits for all.
pub fn with_others<R>(job: &(dyn Fn() + Sync), here: impl FnOnce() -> R) -> R {
    // SAFETY: no CPU uses the job after this function: it waits for all of them, and a panic stops the machine.
    let job: &'static (dyn Fn() + Sync) = unsafe { core::mem::transmute(job) };
    *JOB.lock() = Some(job);
    if let Some(others) = others() {
        AT_WORK.store(count() - 1, Relaxed);
        for cpu in others.ids() {
            CPUS[cpu].has_job.store(true, Release);
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
