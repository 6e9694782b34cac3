//! Random operations of a whole kernel, on Sv39, Sv48 and Sv57.

use kernel_vm::backend::mock::machine::Call;
use kernel_vm::backend::{sv39::Sv39Format, sv48::Sv48Format, sv57::Sv57Format};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

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
}

/// In how many of 60 runs it is found that `forget`, told the number of the run, makes a kernel forget something.
fn found(forget: impl Fn(&mut World<Sv39Format>, usize)) -> usize {
    let mut runner = TestRunner::deterministic();
    let runs = (0..60_usize).filter(|&n| {
        let ops = vec(any::<Bytes>().prop_map(Op::new), 400);
        let ops = ops.new_tree(&mut runner).unwrap().current();
        let mut world = World::new(Setting {
            seed: n as u64,
            asid_bits: 3,
            is_lazy: false,
        });
        forget(&mut world, n);
        ops.iter().any(|op| world.step(op).is_err())
    });
    runs.count()
}

#[test]
fn a_fence_of_a_shootdown_that_is_forgotten_is_found() {
    let found = found(|world, n| world.machine().skip(Call::Fence, 10 + n));
    assert!(found > 4, "{found} of 60");
}

#[test]
fn the_flush_of_a_rollover_that_is_forgotten_is_found() {
    // The first of each CPU is for what the firmware left: nothing.
    let found = found(|world, n| world.forgotten = 1 + CPUS + n % 8);
    assert!(found > 4, "{found} of 60");
}
