//! Random verbs under CPUs, which cache the worst that their manuals allow: those of `examples/soak`.

#[path = "../../../examples/soak/machine.rs"]
mod machine;
#[path = "../../../examples/soak/radix.rs"]
#[expect(clippy::expect_used, reason = "a panic is a failure like any other")]
mod radix;

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::machine::Machine;
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::testing::{Broken, Lie, Tally, Verbs};

use machine::Mmu;
use radix::Tables;

fn run<F: Mmu>(verbs: Verbs) -> Result<Tally, Broken> {
    verbs.run(|window| Tables::<F, Machine<F::Cpus>>::new(window, verbs.seed()))
}

fn each_lie_is_found<F: Mmu>() {
    for seed in 0..2 {
        run::<F>(Verbs::new(seed).steps(500)).unwrap();
    }
    for lie in Lie::CPUS {
        let runs = (0..6).map(|seed| run::<F>(Verbs::new(seed).steps(1000).lie(lie)));
        // What a CPU has cached is chance: the same steps need not show it again.
        let mut found = runs.filter_map(Result::err);
        assert!(found.any(|broken| broken.steps().len() < 10), "{lie:?}");
    }
}

#[test]
fn each_lie_is_found_by_cpus() {
    each_lie_is_found::<Sv39Format>();
    each_lie_is_found::<X86_64Format<4>>();
    each_lie_is_found::<Aarch64Format<4>>();
}
