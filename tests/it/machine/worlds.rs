//! Random operations of a whole kernel, on every format.

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::machine::Call;
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::backend::{sv39::Sv39Format, sv48::Sv48Format, sv57::Sv57Format};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::mmu::{Mmu, POLICIES};
use super::world::{self, Bytes, CPUS, Op, Setting, World};

fn ops() -> impl Strategy<Value = Vec<Op>> {
    vec(any::<Bytes>().prop_map(Op::new), 0..100)
}

fn setting() -> impl Strategy<Value = Setting> {
    (
        any::<u64>(),
        0..4_u32,
        prop_oneof![3 => Just(false), 1 => Just(true)],
    )
        .prop_map(|(seed, asid_bits, is_lazy)| Setting {
            seed,
            asid_bits,
            is_lazy,
            policy: AccessedDirty::Preset,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_cpu_sees_anything_stale_in_sv39(setting in setting(), ops in ops()) {
        world::run::<Sv39Format>(setting, &ops).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn no_cpu_sees_anything_stale_in_sv48(setting in setting(), ops in ops()) {
        world::run::<Sv48Format>(setting, &ops).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn no_cpu_sees_anything_stale_in_sv57(setting in setting(), ops in ops()) {
        world::run::<Sv57Format>(setting, &ops).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn no_cpu_sees_anything_stale_in_x86_64(setting in setting(), ops in ops()) {
        world::run::<X86_64Format<4>>(setting, &ops).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn no_cpu_sees_anything_stale_in_x86_64_with_five_levels(setting in setting(), ops in ops()) {
        world::run::<X86_64Format<5>>(setting, &ops).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn no_cpu_sees_anything_stale_in_aarch64(
        setting in setting(),
        ops in ops(),
        policy in select(&POLICIES),
    ) {
        let setting = Setting { policy, ..setting };
        world::run::<Aarch64Format<4>>(setting, &ops).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn no_cpu_sees_anything_stale_in_aarch64_with_39_bits(
        setting in setting(),
        ops in ops(),
        policy in select(&POLICIES),
    ) {
        let setting = Setting { policy, ..setting };
        world::run::<Aarch64Format<3>>(setting, &ops).map_err(TestCaseError::fail)?;
    }
}

/// In how many of so many runs it is found that `forget`, told the number of the run, makes a kernel forget something.
fn found<F: Mmu>(runs: usize, forget: impl Fn(&mut World<F>, usize)) -> usize {
    let mut runner = TestRunner::deterministic();
    let found = (0..runs).filter(|&n| {
        let ops = vec(any::<Bytes>().prop_map(Op::new), 400);
        let ops = ops.new_tree(&mut runner).unwrap().current();
        let mut world = World::new(Setting {
            seed: n as u64,
            asid_bits: 3,
            is_lazy: false,
            policy: AccessedDirty::Preset,
        });
        forget(&mut world, n);
        ops.iter().any(|op| world.step(op).is_err())
    });
    found.count()
}

/// Whether it is found in at least `least` of so many runs.
fn is_found<F: Mmu>(runs: usize, least: usize, forget: impl Fn(&mut World<F>, usize)) {
    let found = found::<F>(runs, forget);
    assert!(found >= least, "{}: {found} of {runs}", F::NAME);
}

fn a_forgotten_shootdown_is_found<F: Mmu>() {
    is_found::<F>(60, 5, |world, n| world.machine().skip(Call::Fence, 10 + n));
}

fn a_forgotten_rollover_is_found<F: Mmu>(runs: usize, least: usize) {
    // The first of each CPU is for what the firmware left: nothing.
    is_found::<F>(runs, least, |world, n| {
        world.forgotten = 1 + CPUS + n % 8;
    });
}

fn a_forgotten_settlement_is_found<F: Mmu>(runs: usize, least: usize) {
    is_found::<F>(runs, least, |world, _| world.forgets_settlements = true);
}

#[test]
fn a_fence_of_a_shootdown_that_is_forgotten_is_found() {
    a_forgotten_shootdown_is_found::<Sv39Format>();
    a_forgotten_shootdown_is_found::<X86_64Format<4>>();
    a_forgotten_shootdown_is_found::<Aarch64Format<4>>();
}

// Where nothing is cached of what was not there, on x86-64, fewer runs show what was forgotten.

#[test]
fn the_flush_of_a_rollover_that_is_forgotten_is_found() {
    a_forgotten_rollover_is_found::<Sv39Format>(60, 5);
    a_forgotten_rollover_is_found::<X86_64Format<4>>(960, 5);
    a_forgotten_rollover_is_found::<Aarch64Format<4>>(60, 5);
}

#[test]
fn the_flush_of_a_settlement_that_is_forgotten_is_found() {
    a_forgotten_settlement_is_found::<Sv39Format>(60, 5);
    a_forgotten_settlement_is_found::<X86_64Format<4>>(240, 5);
    a_forgotten_settlement_is_found::<Aarch64Format<4>>(60, 5);
}
