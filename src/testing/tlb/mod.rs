//! The laws of a [`Tlb`](crate::Tlb), on CPUs in software with the worst TLBs of the manual.
//!
//! A [`Stage`](stage::Stage) is a space that all CPUs of a [`Kernel`] run. Each of the `cases` is a verb that takes
//! something away there, which every CPU has cached.

mod cases;
mod stage;

use alloc::format;
use alloc::string::String;

use crate::addr::PhysAddr;
use crate::backend::Paging;
use crate::backend::mock::machine::{Architecture, Machine};
use crate::error::MapError;
use crate::platform::Platform;
use crate::testing::broken::{Broken, ensure};
use crate::testing::faulty::Faulty;
use cases::{Case, cases};
use stage::Stage;

/// A kernel whose CPUs are those of a [`Machine`]: its own platform, context switch and flushes, with the machine's
/// methods in the place of instructions.
///
/// How a kernel comes to that, [the guide](crate::guide::test_your_platform) says, and `examples/kernel/host` shows.
pub trait Kernel {
    /// The architecture of the machine's CPUs.
    type Cpus: Architecture;
    /// What a space of the kernel is on.
    type Platform: Platform;
    /// The kernel's page table.
    type Table: Paging<Platform = Faulty<Self::Platform>>;

    /// How many CPUs there are, at least two, numbered from 0 on.
    const CPUS: usize = 4;

    /// The machine. The frames of the platform must be in its memory, so that CPUs walk through tables there.
    fn machine(&self) -> &Machine<Self::Cpus>;

    /// The platform of a new space, which no CPU has run.
    fn platform(&self) -> Self::Platform;

    /// An empty page table.
    ///
    /// # Errors
    /// That of the page table's own constructor.
    fn table(&self, platform: Faulty<Self::Platform>) -> Result<Self::Table, MapError>;

    /// The context switch: CPU `cpu` goes on in the space that is on this platform, with this root. Verbs run on the
    /// CPU that was the last to switch.
    fn activate(&self, cpu: usize, space: &Self::Platform, root: PhysAddr);

    /// CPU `cpu` leaves the space that it is in for none: it does not translate, or through the kernel's half alone.
    /// The space may be dropped then.
    fn leave(&self, cpu: usize);
}

/// How often chance may hide what is cached.
const SEEDS: u64 = 8;

/// The laws of a kernel's [`Tlb`](crate::Tlb) and of its context switch, verb by verb.
///
/// `make` is asked for a kernel by a seed, which is the machine's: what CPUs cache by themselves follows from it. Every
/// CPU caches all pages that a verb is about, before it and behind it. Then:
///
/// - when a verb returns, no CPU has cached anything that could still lead somewhere;
/// - no frame is given back while a CPU could reach it;
/// - nothing has two translations at once, where the architecture forbids that;
/// - all that holds, too, for a CPU that was in another space meanwhile, and kept what it had cached under its ASID;
/// - a CPU that faults where the page table allows the access goes on behind [`Tlb::fence`](crate::Tlb::fence).
///
/// The flushes of a verb are then left out in turn, and one of them at least must be missed: if none is, this suite
/// proves nothing. So CPUs that are not really in the space, or that forget by the way, are found as well.
///
/// What is not asked: an ASID that a second space gets, the kernel half, `made_code`, and two CPUs in verbs at once.
/// Pages are mapped at 64 GiB of physical memory and at 1 GiB of the space: both must be within reach.
///
/// Takes some seconds when nothing is optimised. The guide's page [`test_your_platform`] has an example.
///
/// [`test_your_platform`]: crate::guide::test_your_platform
///
/// # Errors
/// The first law that is broken: the verb, the CPU and the address, with the seed.
pub fn tlb<K: Kernel>(make: impl Fn(u64) -> K) -> Result<(), Broken> {
    for case in &cases::<K>() {
        for leaves in [false, true] {
            let mut most = 0;
            for seed in 0..SEEDS {
                let flushes = run(&make(seed), case, leaves, 0);
                let flushes = flushes.map_err(|broken| told(broken, case, leaves, seed))?;
                most = most.max(flushes);
            }
            notices(&make, case, leaves, most)?;
        }
    }
    Ok(())
}

fn told<K: Kernel>(broken: Broken, case: &Case<K>, leaves: bool, seed: u64) -> Broken {
    broken.when(words(case, leaves)).of(seed)
}

/// The verb, and where the last CPU is meanwhile.
fn words<K: Kernel>(case: &Case<K>, leaves: bool) -> String {
    let away = if leaves {
        " while a CPU is in another space"
    } else {
        ""
    };
    format!("{}{away}", case.name)
}

/// Does the verb of a case, without its `n`-th flush, and answers how many there were. The last CPU may leave for
/// another space, and come back behind the verb.
fn run<K: Kernel>(kernel: &K, case: &Case<K>, leaves: bool, n: usize) -> Result<usize, Broken> {
    let mut stage = Stage::new(kernel)?;
    let before = (case.before)(&mut stage).map(|()| stage.flushes());
    if leaves {
        stage.send_away();
    }
    stage.forget(n);
    let done = before.and_then(|before| {
        (case.verb)(&mut stage)?;
        let flushes = stage.flushes() - before;
        if leaves {
            stage.call_back();
        }
        stage.look()?;
        Ok(flushes)
    });
    stage.forget(0);
    stage.end(done)
}

/// Some seed shows that one of the flushes of a case is missing. Where something was taken away, there are some.
fn notices<K: Kernel>(
    make: &impl Fn(u64) -> K,
    case: &Case<K>,
    leaves: bool,
    flushes: usize,
) -> Result<(), Broken> {
    let law = "a page table flushes by the platform that it was given";
    ensure(flushes > 0 || !case.takes, law, || {
        format!("{}: no flush of it was made", words(case, leaves))
    })?;
    let is_seen = |n| (0..SEEDS).any(|seed| run(&make(seed), case, leaves, n).is_err());
    let law = "a flush that is left out is noticed";
    ensure(flushes == 0 || (1..=flushes).any(is_seen), law, || {
        format!(
            "{}: any of its {flushes} flushes can be left out; is a CPU not in the space, or does it forget by the way?",
            words(case, leaves)
        )
    })
}
