//! The ASID allocator.

use kernel_vm::{Activation, AsidAllocator, AsidCpu, AsidSlot};
use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread;

const CPUS: usize = 2;
/// Three numbers: one for each CPU and one more, the fewest with which there are generations.
const BITS: u32 = 2;

/// A space: its slot, its one page-table entry, its CPU mask.
#[derive(Default)]
struct Space {
    slot: AsidSlot,
    entry: AtomicU64,
    mask: AtomicU64,
}

/// The order in which an architecture has a switch done, and whom a flush reaches.
#[derive(Clone, Copy, Debug)]
enum Rules {
    /// `satp`, or `CR3` with bit 63, is written, and only then the CPU flushes, if it is told to. Flushes of entries
    /// reach the CPUs in the mask.
    FlushesAfter,
    /// The CPU flushes, and only then writes `TTBR0_EL1`. Flushes of entries reach all CPUs.
    FlushesBefore,
}

const RULES: [Rules; 2] = [Rules::FlushesAfter, Rules::FlushesBefore];

struct System {
    rules: Rules,
    asids: AsidAllocator<CPUS>,
    spaces: [Space; 4],
}

impl System {
    fn new(rules: Rules) -> Arc<Self> {
        Arc::new(Self {
            rules,
            asids: AsidAllocator::new(BITS),
            spaces: Default::default(),
        })
    }
}

/// A CPU's register and TLB.
#[derive(Default)]
struct Tlb {
    /// The space that it translates, and the number. It may walk for it at any time.
    active: Option<(usize, usize)>,
    /// Under each number, whose entry it has cached, and what that said.
    cached: [Option<(usize, u64)>; 1 << BITS],
}

impl Tlb {
    /// The CPU uses the space that it translates, or walks for it without being asked. Answers whose entry it takes.
    fn walk(&mut self, system: &System) -> Option<usize> {
        let (space, number) = self.active?;
        let entry = || (space, system.spaces[space].entry.load(Relaxed));
        Some(self.cached[number].get_or_insert_with(entry).0)
    }

    fn flush(&mut self) {
        self.cached = Default::default();
    }
}

/// Switches to a space and uses it, as the documented order has it.
fn run(
    cpu: AsidCpu<'_, CPUS>,
    bit: u64,
    tlb: &mut Tlb,
    system: &System,
    number: usize,
) -> Activation {
    let space = &system.spaces[number];
    space.mask.fetch_or(bit, Relaxed);
    let activation = cpu.switch(&space.slot);
    let next = Some((number, usize::from(activation.asid.get())));
    if let Rules::FlushesBefore = system.rules {
        if activation.flush {
            tlb.flush();
        }
        tlb.walk(system);
        tlb.active = next;
    } else {
        tlb.walk(system);
        tlb.active = next;
        if activation.flush {
            tlb.walk(system);
            tlb.flush();
        }
    }
    let whose = tlb.walk(system);
    assert_eq!(whose, Some(number), "a stale ASID: {activation:?}");
    activation
}

/// The CPU was off: it has anything cached under any number, and is told of no flush.
fn reset(cpu: AsidCpu<'_, CPUS>, bit: u64, tlb: &mut Tlb, system: &System) {
    for space in &system.spaces {
        space.mask.fetch_and(!bit, Relaxed);
    }
    cpu.reset();
    *tlb = Tlb {
        active: None,
        cached: [Some((usize::MAX, 0)); 1 << BITS],
    };
}

/// What a CPU does: it was off, where no space is named.
fn act(
    cpu: AsidCpu<'_, CPUS>,
    bit: u64,
    tlb: &mut Tlb,
    system: &System,
    space: Option<usize>,
) -> Option<Activation> {
    match space {
        Some(space) => Some(run(cpu, bit, tlb, system, space)),
        None => {
            reset(cpu, bit, tlb, system);
            None
        }
    }
}

fn check(preemptions: usize, model: impl Fn(Rules) + Copy + Sync + Send + 'static) {
    for rules in RULES {
        let mut builder = Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.check(move || model(rules));
    }
}

/// Whether a flush reaches CPU 1, which the mask of `space` may name.
fn is_told(system: &System, space: &Space) -> bool {
    match system.rules {
        Rules::FlushesAfter => space.mask.load(Relaxed) & 2 != 0,
        Rules::FlushesBefore => true,
    }
}

/// Has a second CPU do `other` while this one does `one`; each begins with what `before` has done to its TLB.
fn race(
    system: &Arc<System>,
    mut tlbs: [Tlb; CPUS],
    one: &'static [usize],
    other: &'static [usize],
) -> [Tlb; CPUS] {
    let there = system.clone();
    let mut tlb = core::mem::take(&mut tlbs[1]);
    let thread = thread::spawn(move || {
        let cpu = there.asids.cpu(1).unwrap();
        for &space in other {
            let _ = run(cpu, 2, &mut tlb, &there, space);
        }
        tlb
    });
    let cpu = system.asids.cpu(0).unwrap();
    for &space in one {
        let _ = run(cpu, 1, &mut tlbs[0], system, space);
    }
    tlbs[1] = thread.join().unwrap();
    tlbs
}

#[test]
fn two_cpus_that_switch_never_share_a_number() {
    check(3, |rules| {
        let system = System::new(rules);
        race(&system, Default::default(), &[0, 1, 0], &[2, 0, 3]);
    });
}

/// CPU 0 runs space 0; CPU 1 has run spaces 1 and 2, and runs 2. No number is left.
const FULL: &[(usize, usize)] = &[(0, 0), (1, 1), (1, 2)];

/// Does switches, (CPU, space) each, one after the other.
fn prepare(system: &System, switches: &[(usize, usize)]) -> [Tlb; CPUS] {
    let mut tlbs: [Tlb; CPUS] = Default::default();
    for &(cpu, space) in switches {
        let handle = system.asids.cpu(cpu).unwrap();
        let _ = run(handle, 1 << cpu, &mut tlbs[cpu], system, space);
    }
    assert_eq!(system.asids.rollovers(), 0);
    tlbs
}

#[test]
fn a_switch_that_races_a_rollover_uses_no_stale_number() {
    let others: [&[usize]; 5] = [&[1, 2], &[1, 3], &[2, 3], &[3, 1], &[2, 0, 3]];
    for other in others {
        check(3, move |rules| {
            let system = System::new(rules);
            let tlbs = prepare(&system, FULL);
            race(&system, tlbs, &[3, 0, 2], other);
            assert!(system.asids.rollovers() > 0);
        });
    }
}

/// One CPU makes some switches, changes the entry of space 0 and flushes it; the other makes switches of which the
/// last is to space 0. It must not go on with the old entry.
fn shootdown(before: &'static [(usize, usize)], one: &'static [usize], other: &'static [usize]) {
    check(3, move |rules| {
        let system = System::new(rules);
        let [mut tlb, mut there_tlb] = prepare(&system, before);
        let there = system.clone();
        let thread = thread::spawn(move || {
            let cpu = there.asids.cpu(1).unwrap();
            let switches = other.iter();
            let last = switches
                .map(|&space| run(cpu, 2, &mut there_tlb, &there, space))
                .last();
            (last.unwrap(), there_tlb)
        });
        let cpu = system.asids.cpu(0).unwrap();
        for &space in one {
            let _ = run(cpu, 1, &mut tlb, &system, space);
        }
        let space = &system.spaces[0];
        space.entry.store(1, Relaxed);
        let asid = space.slot.asid();
        let is_told = is_told(&system, space);
        let (activation, mut tlb) = thread.join().unwrap();
        if is_told {
            tlb.cached[usize::from(asid.get())] = None;
        }
        let cached = tlb.cached[usize::from(activation.asid.get())];
        assert!(
            cached.is_none_or(|(_, entry)| entry == 1),
            "CPU 1 goes on with the old entry under {activation:?}; flushed {asid}, told: {is_told}"
        );
    });
}

#[test]
fn a_shootdown_reaches_a_cpu_that_switches() {
    shootdown(&[], &[], &[0]);
    shootdown(&[(0, 0)], &[], &[0]);
    shootdown(&[(1, 0), (1, 1)], &[], &[1, 0]);
}

#[test]
fn a_shootdown_reaches_a_cpu_that_switches_after_a_rollover() {
    // Space 0 had a number, and its generation is over when CPU 1 comes back to it; or CPU 1 ends that itself.
    shootdown(&[(1, 0), (1, 1), (0, 2)], &[3], &[0]);
    shootdown(&[(1, 1), (1, 2), (0, 3)], &[], &[0]);
}

#[test]
fn a_shootdown_reaches_a_cpu_that_has_run_on_over_a_rollover() {
    // CPU 1 runs space 0 all the while, or comes back to it without a lock; CPU 0 begins a generation and runs it, too.
    shootdown(&[(0, 1), (0, 2), (1, 0)], &[3, 0], &[0]);
    shootdown(&[(0, 1), (1, 0), (1, 2)], &[3, 0], &[0]);
    shootdown(&[(0, 1), (1, 0), (1, 2)], &[3, 1, 0], &[2, 0]);
    // Some generations later, too.
    shootdown(&[(0, 1), (0, 2), (1, 0)], &[3, 1, 2, 0], &[0]);
}

const OFF: Option<usize> = None;

/// CPU 1 is off and comes back, while CPU 0 switches.
fn come_back(
    before: &'static [(usize, usize)],
    one: &'static [usize],
    other: &'static [Option<usize>],
) {
    check(3, move |rules| {
        let system = System::new(rules);
        let [mut tlb, mut there_tlb] = prepare(&system, before);
        let there = system.clone();
        let thread = thread::spawn(move || {
            let cpu = there.asids.cpu(1).unwrap();
            let mut was_off = false;
            for &space in other {
                let activation = act(cpu, 2, &mut there_tlb, &there, space);
                assert!(activation.is_none_or(|activation| activation.flush || !was_off));
                was_off = activation.is_none();
            }
        });
        let cpu = system.asids.cpu(0).unwrap();
        for &space in one {
            let _ = run(cpu, 1, &mut tlb, &system, space);
        }
        thread.join().unwrap();
    });
}

#[test]
fn a_cpu_that_comes_back_beside_a_rollover_uses_no_stale_number() {
    come_back(FULL, &[3, 0], &[OFF, Some(1)]);
    come_back(FULL, &[3, 0], &[OFF, Some(2)]);
    come_back(FULL, &[3, 1], &[Some(1), OFF, Some(3)]);
    come_back(FULL, &[3], &[OFF, Some(3), OFF, Some(2)]);
}

/// CPU 1 was off, and comes back to space 0 while CPU 0 changes its entry and flushes those that the mask names.
fn shootdown_beside_reset(
    before: &'static [(usize, usize)],
    one: &'static [usize],
    other: &'static [Option<usize>],
) {
    check(3, move |rules| {
        let system = System::new(rules);
        let [mut tlb, mut there_tlb] = prepare(&system, before);
        let there = system.clone();
        let thread = thread::spawn(move || {
            let cpu = there.asids.cpu(1).unwrap();
            let acts = other.iter();
            let last = acts
                .map(|&space| act(cpu, 2, &mut there_tlb, &there, space))
                .last();
            (last.unwrap().unwrap(), there_tlb)
        });
        let cpu = system.asids.cpu(0).unwrap();
        for &space in one {
            let _ = run(cpu, 1, &mut tlb, &system, space);
        }
        let space = &system.spaces[0];
        space.entry.store(1, Relaxed);
        let asid = space.slot.asid();
        let is_told = is_told(&system, space);
        let (activation, mut tlb) = thread.join().unwrap();
        if is_told {
            tlb.cached[usize::from(asid.get())] = None;
        }
        let cached = tlb.cached[usize::from(activation.asid.get())];
        assert!(cached.is_none_or(|(_, entry)| entry == 1));
    });
}

#[test]
fn a_shootdown_reaches_a_cpu_that_comes_back() {
    shootdown_beside_reset(&[(1, 0)], &[], &[OFF, Some(0)]);
    shootdown_beside_reset(&[(1, 0), (1, 1)], &[], &[OFF, Some(0)]);
    shootdown_beside_reset(&[(1, 0), (1, 1), (0, 2)], &[3], &[OFF, Some(0)]);
    shootdown_beside_reset(&[(0, 1), (0, 2), (1, 0)], &[3, 0], &[OFF, Some(0)]);
}
