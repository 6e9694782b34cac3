//! ASIDs: each number is one space's until everything was forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::thread;

use kernel_vm::{Activation, Asid, AsidAllocator, AsidCpu, AsidSlot};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn slots<const N: usize>() -> [AsidSlot; N] {
    [const { AsidSlot::new() }; N]
}

/// Whose the entries are that a CPU has when it comes up.
const NOBODY: usize = usize::MAX;

/// A CPU with a TLB that knows whose entries it has under each number.
struct Cpu<'a, const CPUS: usize> {
    handle: AsidCpu<'a, CPUS>,
    tlb: BTreeMap<Asid, usize>,
    flushes: u64,
}

impl<'a, const CPUS: usize> Cpu<'a, CPUS> {
    fn new(allocator: &'a AsidAllocator<CPUS>, number: usize) -> Self {
        Self {
            handle: allocator.cpu(number).unwrap(),
            tlb: BTreeMap::new(),
            flushes: 0,
        }
    }

    /// Was off, and has anything cached under any number.
    fn reset(&mut self) {
        self.handle.reset();
        self.tlb = (0..=u16::MAX >> 10)
            .map(|n| (Asid::new(n), NOBODY))
            .collect();
    }

    /// Runs a space, and finds nothing of another's.
    fn run(&mut self, slots: &[AsidSlot], space: usize) -> Activation {
        let activation = self.handle.switch(&slots[space]);
        if activation.flush {
            self.tlb.clear();
            self.flushes += 1;
        }
        let whose = *self.tlb.entry(activation.asid).or_insert(space);
        assert_eq!(whose, space, "{activation:?} is stale");
        activation
    }
}

#[test]
fn a_space_keeps_its_number_and_nobody_else_gets_it() {
    let allocator = AsidAllocator::<2>::new(9);
    let slots = slots::<511>();
    let mut cpu = Cpu::new(&allocator, 0);
    assert!(cpu.run(&slots, 0).flush, "what was there at boot");
    let first: Vec<_> = (0..511).map(|space| cpu.run(&slots, space)).collect();
    let numbers: BTreeSet<_> = first
        .iter()
        .map(|activation| activation.asid.get())
        .collect();
    assert!(numbers.into_iter().eq(1..512));
    for (space, activation) in first.iter().enumerate() {
        assert!(!activation.flush);
        assert_eq!(cpu.run(&slots, space), *activation);
        assert_eq!(slots[space].asid(), activation.asid);
    }
    assert_eq!((allocator.rollovers(), cpu.flushes), (0, 1));
}

#[test]
fn every_width_works_and_too_few_numbers_mean_a_flush_each_time() {
    for bits in 0..=20 {
        let allocator = AsidAllocator::<2>::new(bits);
        let slots = slots::<5>();
        let mut cpus = [0, 1].map(|number| Cpu::new(&allocator, number));
        for switch in 0..40 {
            let activation = cpus[switch % 2].run(&slots, switch * 3 % 5);
            if bits < 2 {
                assert_eq!((activation.asid.get(), activation.flush), (0, true));
            } else {
                assert!(activation.asid.get() > 0 && u32::from(activation.asid.get()) < 1 << bits);
            }
        }
        assert_eq!(allocator.rollovers() > 0, bits == 2, "{bits} bits");
    }
    assert!(AsidAllocator::<2>::new(16).cpu(2).is_none());
}

#[test]
fn the_widest_numbers_are_all_handed_out_before_a_rollover() {
    let allocator = AsidAllocator::<1>::new(16);
    let cpu = allocator.cpu(0).unwrap();
    for number in 1..=u16::MAX {
        assert_eq!(cpu.switch(&AsidSlot::new()).asid.get(), number);
    }
    assert_eq!(allocator.rollovers(), 0);
    let next = cpu.switch(&AsidSlot::new());
    assert_eq!(
        (allocator.rollovers(), next.flush, next.asid.get()),
        (1, true, 1)
    );
}

#[test]
fn each_cpu_flushes_once_a_rollover() {
    let allocator = AsidAllocator::<3>::new(3);
    let slots = slots::<64>();
    let mut cpus = [0, 1, 2].map(|number| Cpu::new(&allocator, number));
    for switch in 0..3_000 {
        let _ = cpus[switch % 3].run(&slots, switch * 7 % 64);
    }
    let rollovers = allocator.rollovers();
    assert!(rollovers > 100);
    for cpu in &cpus {
        assert!(
            cpu.flushes <= rollovers + 1 && cpu.flushes >= rollovers / 2,
            "{} of {rollovers}",
            cpu.flushes
        );
    }
}

/// What each CPU may run, and one more: as many numbers as CPUs are none.
#[test]
fn as_many_numbers_as_cpus_are_too_few() {
    for (bits, is_too_few) in [(2, true), (3, false)] {
        let allocator = AsidAllocator::<3>::new(bits);
        let slots = slots::<2>();
        let mut cpu = Cpu::new(&allocator, 0);
        cpu.reset();
        for space in [0, 1] {
            let _ = cpu.run(&slots, space);
        }
        assert_eq!(cpu.run(&slots, 0).flush, is_too_few, "{bits} bits");
    }
}

#[test]
fn a_space_that_runs_keeps_its_number_over_rollovers() {
    let allocator = AsidAllocator::<2>::new(2);
    let slots = slots::<8>();
    let mut cpus = [0, 1].map(|number| Cpu::new(&allocator, number));
    let running = cpus[1].run(&slots, 7).asid;
    for switch in 0..100 {
        let activation = cpus[0].run(&slots, switch % 7);
        assert_ne!(activation.asid, running);
    }
    assert!(allocator.rollovers() > 10);
    assert_eq!(
        cpus[0].run(&slots, 7).asid,
        running,
        "so one number names it everywhere"
    );
    assert_eq!(slots[7].asid(), running);
    let back = cpus[1].run(&slots, 7);
    assert_eq!((back.asid, back.flush), (running, true));
}

#[test]
fn a_cpu_that_was_off_flushes_at_its_next_switch_and_only_then() {
    let allocator = AsidAllocator::<2>::new(9);
    let slots = slots::<3>();
    let mut cpus = [0, 1].map(|number| Cpu::new(&allocator, number));
    for cpu in &mut cpus {
        assert!(cpu.run(&slots, 0).flush);
        assert!(!cpu.run(&slots, 1).flush);
    }
    cpus[1].reset();
    cpus[1].reset();
    let back = cpus[1].run(&slots, 1);
    assert_eq!((back.asid, back.flush), (slots[1].asid(), true));
    assert!(!cpus[1].run(&slots, 0).flush && !cpus[1].run(&slots, 2).flush);
    assert!(!cpus[0].run(&slots, 2).flush, "the other was not off");
    assert_eq!(allocator.rollovers(), 0);
    // With so few numbers that every switch flushes.
    let narrow = AsidAllocator::<2>::new(1);
    let mut cpu = Cpu::new(&narrow, 0);
    cpu.reset();
    assert!(cpu.run(&slots, 0).flush);
}

/// Runs these spaces in turn, over rollovers; answers which numbers they got.
fn roll_over(
    allocator: &AsidAllocator<2>,
    cpu: &mut Cpu<'_, 2>,
    slots: &[AsidSlot],
    spaces: Range<usize>,
) -> BTreeSet<Asid> {
    let before = allocator.rollovers();
    let turns = spaces.cycle().take(64);
    let numbers = turns.map(|space| cpu.run(slots, space).asid).collect();
    assert!(allocator.rollovers() > before);
    numbers
}

#[test]
fn a_cpu_that_is_off_keeps_no_number_from_others() {
    let allocator = AsidAllocator::<2>::new(2);
    let slots = slots::<5>();
    let mut cpus = [0, 1].map(|number| Cpu::new(&allocator, number));
    let left = cpus[1].run(&slots, 4).asid;
    let numbers = roll_over(&allocator, &mut cpus[0], &slots, 0..4);
    assert!(!numbers.contains(&left), "it still runs that");
    cpus[1].reset();
    let numbers = roll_over(&allocator, &mut cpus[0], &slots, 0..4);
    assert!(numbers.contains(&left));
    assert!(cpus[1].run(&slots, 4).flush);
}

#[test]
fn a_reset_gives_no_number_away_within_its_generation() {
    // CPU 1 runs space 0 over a rollover, which so keeps its number, and goes on to another before it is off.
    let allocator = AsidAllocator::<2>::new(2);
    let slots = slots::<6>();
    let mut cpus = [0, 1].map(|number| Cpu::new(&allocator, number));
    for other in 1..6 {
        let _ = cpus[1].run(&slots, 0);
        roll_over(&allocator, &mut cpus[0], &slots, 1..6);
        let kept = cpus[1].run(&slots, 0).asid;
        let _ = cpus[1].run(&slots, other);
        cpus[1].reset();
        let rollovers = allocator.rollovers();
        for space in 1..6 {
            let given = cpus[0].run(&slots, space).asid;
            assert!(given != kept || allocator.rollovers() > rollovers);
        }
    }
}

#[test]
fn threads_that_switch_find_nothing_stale() {
    let allocator = AsidAllocator::<4>::new(3);
    let slots = slots::<12>();
    thread::scope(|scope| {
        for number in 0..4 {
            let (allocator, slots) = (&allocator, &slots);
            scope.spawn(move || {
                let mut cpu = Cpu::new(allocator, number);
                for switch in 0..20_000_usize {
                    if switch % (97 + number) == 0 {
                        cpu.reset();
                    }
                    let _ = cpu.run(slots, (switch * (number + 5) + switch / 7) % 12);
                }
            });
        }
    });
    assert!(allocator.rollovers() > 100);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_switches_and_resets_makes_a_number_stale(
        bits in 0..5_u32,
        switches in vec((0..3_usize, option::weighted(0.9, 0..10_usize)), 0..200),
    ) {
        let allocator = AsidAllocator::<3>::new(bits);
        let slots = slots::<10>();
        let mut cpus = [0, 1, 2].map(|number| Cpu::new(&allocator, number));
        let mut runs = [None; 3];
        for (cpu, space) in switches {
            runs[cpu] = match space {
                Some(space) => Some((space, cpus[cpu].run(&slots, space).asid)),
                None => {
                    cpus[cpu].reset();
                    None
                }
            };
            // Who flushes a space names every CPU that runs it by the one number in the slot.
            for (space, asid) in runs.into_iter().flatten() {
                let slot = slots[space].asid();
                let ran = runs.iter().flatten().filter(|run| run.0 == space).count();
                prop_assert!(slot == asid || ran == 0, "{} runs as {} and is flushed as {}", space, asid, slot);
            }
        }
    }
}
