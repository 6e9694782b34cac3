//! Random verbs over one space on several CPUs: nobody sees anything stale after a verb.

use kernel_vm::backend::mock::machine::{Call, Extensions, Machine};
use kernel_vm::backend::radix::Radix;
use kernel_vm::backend::riscv::Satp;
use kernel_vm::backend::{sv39::Sv39Format, sv48::Sv48Format, sv57::Sv57Format};
use kernel_vm::{MapError, Permissions, VirtualMemoryManager};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::mmu::Mmu;
use super::tables::machine;
use crate::model::{Model, PAGES, Page, Span, addr};
use crate::ops::{Op, op};

const CPUS: usize = 4;

type Space<F> = VirtualMemoryManager<Radix<F, Machine>>;

/// One space that four CPUs run, each with much of it cached.
struct Run<F: Mmu> {
    machine: Machine,
    space: Space<F>,
}

impl<F: Mmu> Run<F> {
    fn new(seed: u64) -> Self {
        let machine = machine(512, seed, Extensions::default());
        let space = Space::new(Radix::new(machine.clone()).unwrap());
        let satp = Satp::new(F::MODE, space.asid(), space.root_page_table());
        (0..CPUS).for_each(|cpu| machine.cpu(cpu).write_satp(satp.bits()));
        Self { machine, space }
    }

    /// Does `op`, and answers what the CPUs have cached then that is no longer so.
    fn step(&mut self, op: &Op) -> Result<(), String> {
        for page in [0, 1, 4, 7, 8, 516, 520, 523, 1030] {
            let cpu = self.machine.cpu(page % CPUS);
            cpu.prefetch(addr(page));
        }
        match self.verb(op) {
            Ok(()) | Err(MapError::NotMapped { .. } | MapError::Overlap { .. }) => {}
            Err(MapError::CannotGrow { .. } | MapError::MovesOntoItself { .. }) => {}
            Err(error) => return Err(format!("{error}")),
        }
        let stale = self.machine.stale();
        stale.map_or(Ok(()), |stale| {
            Err(format!("{stale} after {op:?}, {}", self.machine))
        })
    }

    fn verb(&mut self, op: &Op) -> Result<(), MapError> {
        let (space, model) = (&mut self.space, Model::new());
        match *op {
            Op::Nothing | Op::FindFree(..) => Ok(()),
            Op::Add(span, page) => {
                space.add_memory_map(model.map(span, page))?;
                space.populate(span.area())
            }
            Op::Replace(span, page) => {
                space.replace_memory_map(model.map(span, page))?;
                space.populate(span.area())
            }
            Op::Unmap(span) => space.unmap(span.area()),
            Op::Protect(span, permissions) => space.protect(span.area(), permissions),
            Op::Restrict(span, keep) => space.restrict(span.area(), keep),
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

/// Does `ops`, and takes everything down.
fn run<F: Mmu>(ops: &[Op], seed: u64) -> Result<(), TestCaseError> {
    let mut run = Run::<F>::new(seed);
    for op in ops {
        run.step(op).map_err(TestCaseError::fail)?;
    }
    let Run { machine, space } = run;
    (0..CPUS).for_each(|cpu| machine.cpu(cpu).write_satp(0));
    drop(space);
    prop_assert_eq!(machine.frames().frames_in_use(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 700, ..ProptestConfig::default() })]

    #[test]
    fn no_cpu_has_anything_stale_after_a_verb_in_sv39(ops in vec(op(), 20..40), seed: u64) {
        run::<Sv39Format>(&ops, seed)?;
    }

    #[test]
    fn no_cpu_has_anything_stale_after_a_verb_in_sv48(ops in vec(op(), 20..40), seed: u64) {
        run::<Sv48Format>(&ops, seed)?;
    }

    #[test]
    fn no_cpu_has_anything_stale_after_a_verb_in_sv57(ops in vec(op(), 20..40), seed: u64) {
        run::<Sv57Format>(&ops, seed)?;
    }
}

/// How many of some random runs find out when the `n`-th `call` is skipped.
fn found(call: Call, n: usize) -> usize {
    let mut runner = TestRunner::deterministic();
    let runs = (0..40_u64).map(|seed| {
        let ops = vec(op(), 60).new_tree(&mut runner).unwrap().current();
        let mut run = Run::<Sv39Format>::new(seed);
        let everything = Span {
            first: 0,
            count: PAGES,
        };
        run.step(&Op::Unmap(everything)).unwrap();
        run.machine.skip(call, n);
        ops.iter().any(|op| run.step(op).is_err())
    });
    runs.filter(|&found| found).count()
}

#[test]
fn a_flush_that_is_dropped_is_found() {
    for n in 1..=3 {
        let runs = found(Call::Flush, n);
        assert!(runs > 20, "flush {n}: {runs} of 40 runs");
    }
}

#[test]
fn a_fence_that_is_dropped_on_one_cpu_is_found() {
    let runs: usize = (1..40).step_by(13).map(|n| found(Call::Fence, n)).sum();
    assert!(runs > 40, "{runs} of 120 runs");
}

#[test]
fn new_entries_that_are_not_announced_are_found() {
    let runs = found(Call::MadeValid, 1);
    assert!(runs > 20, "{runs} of 40 runs");
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
        let mut run = Run::<Sv39Format>::new(seed);
        for op in &ops {
            assert_eq!(run.step(op), Ok(()));
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
        let mut run = Run::<Sv39Format>::new(seed);
        for op in &ops {
            assert_eq!(run.step(op), Ok(()));
        }
    }
}

const fn span(first: usize, count: usize) -> Span {
    Span { first, count }
}
