//! Random verbs over one space on several CPUs: nobody sees anything stale after a verb.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{iter, mem};

use kernel_vm::backend::Paging;
use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::machine::{Call, Machine};
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::backend::{sv39::Sv39Format, sv48::Sv48Format, sv57::Sv57Format};
use kernel_vm::{Access, MapError, Permissions, Settled, VirtAddr, VirtualMemoryManager};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::mmu::{Mmu, POLICIES, machine, sayable, wrong};
use crate::model::{Model, PAGES, Page, Span, addr};
use crate::ops::{Op, op};

const CPUS: usize = 4;

type Space<F> = VirtualMemoryManager<Radix<F, Machine<<F as Mmu>::Cpus>>>;

/// One space that four CPUs run, each with much of it cached.
struct Run<F: Mmu> {
    machine: Machine<F::Cpus>,
    space: Space<F>,
    policy: AccessedDirty,
    /// Whether deferred verbs wait to be settled: what they took out may be cached until then.
    waits: bool,
}

impl<F: Mmu> Run<F> {
    /// On page tables with this policy, if the format has it.
    fn new(seed: u64, policy: AccessedDirty) -> Self {
        let machine = machine::<F>(512, seed, F::cpus_with(policy));
        let features = Features::new().with_accessed_dirty(policy);
        let table = Radix::with_features(machine.clone(), features).unwrap();
        let space = Space::new(table);
        let (root, asid) = (space.root_page_table(), space.asid());
        (0..CPUS).for_each(|cpu| F::run(machine.cpu(cpu), root, asid));
        Self {
            machine,
            space,
            policy,
            waits: false,
        }
    }

    /// A CPU uses a page, as the mode may for which the page is, and caches what is on the way.
    fn warm(&self, cpu: usize, page: VirtAddr) {
        let cpu = self.machine.cpu(cpu);
        if self.policy == AccessedDirty::Software {
            let backend = self.space.backend();
            let _ = backend.touch(page, Access::Write);
            let _ = backend.touch(page, Access::Read);
            F::forget_page(cpu, page);
        }
        cpu.prefetch(page);
        let _ = cpu.translate(page, Access::Write);
    }

    /// Does `op`, and answers what the CPUs have cached then that is no longer so.
    fn step(&mut self, op: &Op) -> Result<(), String> {
        for page in [0, 1, 4, 7, 8, 516, 520, 523, 1030] {
            self.warm(page % CPUS, addr(page));
        }
        self.waits &= !op.settles();
        match self.verb(op) {
            Ok(()) | Err(MapError::NotMapped { .. } | MapError::Overlap { .. }) => {}
            Err(MapError::CannotGrow { .. } | MapError::MovesOntoItself { .. }) => {}
            Err(error) => return Err(format!("{error}")),
        }
        if self.waits {
            let freed = self
                .freed()
                .map(|page| format!("{page} is of a freed frame"));
            let two = self.machine.conflict().map(|two| two.to_string());
            return freed.or(two).map_or(Ok(()), |wrong| {
                Err(format!("{wrong} after {op:?}, {}", self.machine))
            });
        }
        wrong::<F>(&self.machine, self.policy).map_or(Ok(()), |wrong| {
            Err(format!("{wrong} after {op:?}, {}", self.machine))
        })
    }

    /// A page whose way, as some CPU has it cached, leads through a frame that was given back.
    fn freed(&self) -> Option<VirtAddr> {
        let pages = (0..PAGES).step_by(3).map(addr);
        let mut ways = pages.flat_map(|page| (0..CPUS).map(move |cpu| (page, cpu)));
        let found = ways.find(|&(page, cpu)| {
            let outcomes = self.machine.cpu(cpu).outcomes(page, Access::Read);
            let mut traps = outcomes.into_iter().filter_map(Result::err);
            traps.any(|trap| trap.freed.is_some())
        });
        found.map(|(page, _)| page)
    }

    fn verb(&mut self, op: &Op) -> Result<(), MapError> {
        let (space, model) = (&mut self.space, Model::new());
        match *op {
            Op::Nothing | Op::FindFree(..) => Ok(()),
            Op::Add(span, page) => {
                let page = said::<F>(page);
                space.add_memory_map(model.map(span, page))?;
                space.populate(span.area())
            }
            Op::Replace(span, page) => {
                let page = said::<F>(page);
                space.replace_memory_map(model.map(span, page))?;
                space.populate(span.area())
            }
            Op::Unmap(span) => space.unmap(span.area()),
            Op::Protect(span, permissions) => space.protect(span.area(), sayable::<F>(permissions)),
            Op::UnmapDeferred(span) => {
                space.unmap_deferred(span.area())?;
                self.waits = true;
                Ok(())
            }
            Op::ProtectDeferred(span, permissions) => {
                space.protect_deferred(span.area(), sayable::<F>(permissions))?;
                self.waits = true;
                Ok(())
            }
            Op::Settle => {
                assert_eq!(space.settle(), Settled::Done);
                Ok(())
            }
            Op::Restrict(span, keep) => space.restrict(span.area(), sayable::<F>(keep)),
            Op::Remap(old, new) => space.remap(old.area(), new.area()),
            Op::Populate(span) => space.populate(span.area()),
            Op::Remove(index) => {
                let _ = space.remove_memory_map(index);
                Ok(())
            }
            Op::RemoveAllAndRestore | Op::RemoveAll => {
                drop(space.remove_all_memory_maps());
                Ok(())
            }
        }
    }
}

/// The page, with permissions that the format can say.
fn said<F: Mmu>(page: Page) -> Page {
    let permissions = sayable::<F>(page.permissions);
    Page {
        permissions,
        ..page
    }
}

/// Does `ops`, and takes everything down.
fn run<F: Mmu>(ops: &[Op], seed: u64, policy: AccessedDirty) -> Result<(), TestCaseError> {
    let mut run = Run::<F>::new(seed, policy);
    for op in ops {
        run.step(op).map_err(TestCaseError::fail)?;
    }
    let Run { machine, space, .. } = run;
    (0..CPUS).for_each(|cpu| F::stop(machine.cpu(cpu)));
    drop(space);
    prop_assert_eq!(machine.frames().frames_in_use(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 700, ..ProptestConfig::default() })]

    #[test]
    fn no_cpu_has_anything_stale_after_a_verb_in_sv39(ops in vec(op(), 20..40), seed: u64) {
        run::<Sv39Format>(&ops, seed, AccessedDirty::Preset)?;
    }

    #[test]
    fn no_cpu_has_anything_stale_after_a_verb_in_sv48(ops in vec(op(), 20..40), seed: u64) {
        run::<Sv48Format>(&ops, seed, AccessedDirty::Preset)?;
    }

    #[test]
    fn no_cpu_has_anything_stale_after_a_verb_in_sv57(ops in vec(op(), 20..40), seed: u64) {
        run::<Sv57Format>(&ops, seed, AccessedDirty::Preset)?;
    }

    #[test]
    fn no_cpu_has_anything_stale_after_a_verb_in_x86_64(ops in vec(op(), 20..40), seed: u64) {
        run::<X86_64Format<4>>(&ops, seed, AccessedDirty::Preset)?;
    }

    #[test]
    fn no_cpu_has_anything_stale_after_a_verb_in_x86_64_with_five_levels(
        ops in vec(op(), 20..40),
        seed: u64,
    ) {
        run::<X86_64Format<5>>(&ops, seed, AccessedDirty::Preset)?;
    }

    #[test]
    fn no_cpu_has_anything_stale_after_a_verb_in_x86_64_whose_cpus_mark_leaves(
        ops in vec(op(), 20..40),
        seed: u64,
    ) {
        run::<X86_64Format<4>>(&ops, seed, AccessedDirty::Hardware)?;
    }

    #[test]
    fn no_cpu_has_anything_stale_after_a_verb_in_aarch64(
        ops in vec(op(), 20..40),
        seed: u64,
        policy in select(&POLICIES),
    ) {
        run::<Aarch64Format<4>>(&ops, seed, policy)?;
    }

    #[test]
    fn no_cpu_has_anything_stale_after_a_verb_in_aarch64_with_39_bits(
        ops in vec(op(), 20..40),
        seed: u64,
        policy in select(&POLICIES),
    ) {
        run::<Aarch64Format<3>>(&ops, seed, policy)?;
    }
}

/// How many of some random runs find out when the `n`-th `call` is skipped.
fn found<F: Mmu>(call: Call, n: usize) -> usize {
    let mut runner = TestRunner::deterministic();
    let runs = (0..40_u64).map(|seed| {
        let ops = vec(op(), 60).new_tree(&mut runner).unwrap().current();
        let mut run = Run::<F>::new(seed, AccessedDirty::Preset);
        let everything = Span {
            first: 0,
            count: PAGES,
        };
        run.step(&Op::Unmap(everything)).unwrap();
        run.machine.skip(call, n);
        // An MMU that sets marks behind a stale pointer sets them in whatever is there by now: then the walker
        // stumbles.
        let steps = AssertUnwindSafe(|| ops.iter().any(|op| run.step(op).is_err()));
        match catch_unwind(steps) {
            Ok(found) => found || catch_unwind(AssertUnwindSafe(|| drop(run))).is_err(),
            Err(_) => {
                mem::forget(run);
                true
            }
        }
    });
    runs.filter(|&found| found).count()
}

/// Flushes that are dropped are found, and so are single fences on one CPU.
fn drops_are_found<F: Mmu>() {
    for n in 1..=3 {
        let runs = found::<F>(Call::Flush, n);
        assert!(runs > 20, "{}, flush {n}: {runs} of 40 runs", F::NAME);
    }
    let fences = (1..40).step_by(13);
    let runs: usize = fences.map(|n| found::<F>(Call::Fence, n)).sum();
    assert!(runs > 40, "{}, fences: {runs} of 120 runs", F::NAME);
}

#[test]
fn a_flush_or_a_fence_that_is_dropped_is_found_in_sv39() {
    drops_are_found::<Sv39Format>();
}

#[test]
fn a_flush_or_a_fence_that_is_dropped_is_found_in_x86_64() {
    drops_are_found::<X86_64Format<4>>();
}

#[test]
fn a_flush_or_a_fence_that_is_dropped_is_found_in_aarch64() {
    drops_are_found::<Aarch64Format<4>>();
    let runs = found::<Aarch64Format<4>>(Call::MadeValid, 1);
    assert!(runs > 20, "{runs} of 40 runs");
    let barriers = (1..40).step_by(13);
    let runs: usize = barriers
        .map(|n| found::<Aarch64Format<4>>(Call::Barrier, n))
        .sum();
    assert!(runs > 40, "barriers: {runs} of 120 runs");
}

#[test]
fn new_entries_that_are_not_announced_are_found_where_faults_are_remembered() {
    let runs = found::<Sv39Format>(Call::MadeValid, 1);
    assert!(runs > 20, "{runs} of 40 runs");
    assert_eq!(found::<X86_64Format<4>>(Call::MadeValid, 1), 0);
}

/// A table comes where the MMU has seen that nothing was.
#[test]
fn a_page_cut_out_of_a_hidden_superpage_is_found_when_it_is_mapped_again() {
    let page = |frame| Page {
        frame,
        permissions: Permissions::READ,
        is_shared: false,
        is_present: false,
    };
    let ops = [
        Op::Replace(span(0, 1040), page(65_528)),
        Op::Protect(span(8, 1024), Permissions::empty()),
        Op::Nothing,
        Op::Replace(span(5, 4), page(65_533)),
    ];
    for seed in 0..50 {
        let mut run = Run::<Sv39Format>::new(seed, AccessedDirty::Preset);
        for op in &ops {
            assert_eq!(run.step(op), Ok(()));
        }
    }
}

/// A leaf that a deferred verb has hidden may be cached as it was, whole. So a table in its place is as one in the
/// place of a valid leaf.
#[test]
fn a_page_cut_out_of_a_superpage_that_waits_hidden_meets_no_other_translation() {
    let page = Page {
        frame: 65_528,
        permissions: Permissions::READ,
        is_shared: false,
        is_present: false,
    };
    let hidden = || Op::ProtectDeferred(span(8, 512), Permissions::empty());
    for ops in [
        [
            hidden(),
            Op::ProtectDeferred(span(6, 3), Permissions::READ),
            Op::Settle,
        ],
        [
            hidden(),
            Op::UnmapDeferred(span(10, 2)),
            Op::ProtectDeferred(span(8, 2), Permissions::READ),
        ],
    ] {
        for seed in 0..20 {
            let mut run = Run::<Aarch64Format<4>>::new(seed, AccessedDirty::Preset);
            for op in iter::once(&Op::Replace(span(0, 1028), page)).chain(&ops) {
                assert_eq!(run.step(op), Ok(()));
            }
            assert_eq!(run.step(&Op::Settle), Ok(()));
        }
    }
}

/// The first page that moves is hidden, and so the table that comes with it has nothing valid yet.
#[test]
fn a_table_that_begins_with_a_hidden_page_is_found_when_another_is_moved_there() {
    let page = Page {
        frame: 65_528,
        permissions: Permissions::READ,
        is_shared: false,
        is_present: false,
    };
    let ops = [
        Op::Replace(span(0, 4), page),
        Op::Protect(span(0, 1), Permissions::empty()),
        Op::Remap(span(0, 2), span(516, 2)),
    ];
    for seed in 0..50 {
        let mut run = Run::<Sv39Format>::new(seed, AccessedDirty::Preset);
        for op in &ops {
            assert_eq!(run.step(op), Ok(()));
        }
    }
}

const fn span(first: usize, count: usize) -> Span {
    Span { first, count }
}
