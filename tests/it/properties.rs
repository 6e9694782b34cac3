//! Random sequences of every verb against the page-by-page model.

use std::fmt;

use kernel_vm::backend::aarch64::Aarch64;
use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::x86_64::X86_64;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::ops::{Op, Pair, Step, step};
use crate::subject::Subject;

/// A sequence that prints its steps line by line, and those that shrinking has emptied not at all.
struct Steps(Vec<Step>);

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.0.iter().filter(|(op, _)| !matches!(op, Op::Nothing));
        told.try_for_each(|step| write!(f, "\n    {step:?}"))
    }
}

fn steps() -> impl Strategy<Value = Steps> {
    vec(step(), 50..70).prop_map(Steps)
}

fn run<B: Subject>(steps: Steps) {
    let mut pair = Pair::<B>::new();
    steps.0.into_iter().for_each(|step| pair.step(step));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_manager_over_the_mock_does_what_the_model_does(steps in steps()) {
        run::<MockBackend>(steps);
    }

    #[test]
    fn the_manager_over_sv39_does_what_the_model_does(steps in steps()) {
        run::<Sv39<HostFrames>>(steps);
    }

    #[test]
    fn the_manager_over_aarch64_does_what_the_model_does(steps in steps()) {
        run::<Aarch64<HostFrames>>(steps);
    }

    #[test]
    fn the_manager_over_x86_64_does_what_the_model_does(steps in steps()) {
        run::<X86_64<HostFrames>>(steps);
    }
}
