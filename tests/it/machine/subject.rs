//! The operations of the random tests, on page tables that CPUs use meanwhile.

use std::cell::Cell;

use kernel_vm::backend::aarch64::{Aarch64, Aarch64Va39};
use kernel_vm::backend::mock::machine::{AArch64, Call, Machine, Privilege, X86_64 as Cpus};
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::x86_64::{X86_64, X86_64La57};
use kernel_vm::backend::{PageTableBackend, Paging};
use kernel_vm::backend::{sv39::Sv39, sv48::Sv48, sv57::Sv57};
use kernel_vm::{Access, Asid, Permissions, PhysAddr, VirtAddr};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::mmu::{Mmu, POLICIES, machine, sayable};
use crate::ops::{Pair, Step, step};
use crate::subject::Subject;

thread_local! {
    /// What the next machine of this test is made with: `fresh` is told nothing.
    static SEED: Cell<u64> = const { Cell::new(1) };
    static POLICY: Cell<AccessedDirty> = const { Cell::new(AccessedDirty::Preset) };
}

impl<F: Mmu> Subject for Radix<F, Machine<F::Cpus>> {
    /// A leaf at each border of two areas; and what waits where a move goes to.
    const BREAKS: usize = if F::BREAK_BEFORE_MAKE { 5 } else { 0 };

    fn fresh() -> Self {
        let machine = machine::<F>(512, SEED.get(), F::cpus_with(POLICY.get()));
        let features = Features::new().with_accessed_dirty(POLICY.get());
        let backend = Self::with_features(machine.clone(), features).unwrap();
        let (root, asid) = (backend.root(), Asid::new(0));
        (0..2).for_each(|cpu| F::run(machine.cpu(cpu), root, asid));
        backend
    }

    fn sayable(permissions: Permissions) -> Permissions {
        sayable::<F>(permissions)
    }

    /// In the mode that the page is for; whatever the CPU may answer, it must answer this. Where software keeps
    /// accessed and dirty bits, the kernel has answered the fault.
    fn look(&self, cpu: usize, addr: VirtAddr, access: Access) -> Option<PhysAddr> {
        let cpu = self.platform().cpu(cpu);
        let is_software = POLICY.get() == AccessedDirty::Software;
        let is_answered = is_software && self.touch(addr, access).is_ok();
        let modes = [Privilege::Supervisor, Privilege::User].map(|privilege| {
            cpu.set_privilege(privilege);
            let mut seen = cpu.translate(addr, access);
            if is_answered && seen.is_err() {
                F::forget_page(cpu, addr);
                seen = cpu.translate(addr, access);
            }
            for outcome in cpu.outcomes(addr, access) {
                let is_old = is_answered && outcome.is_err();
                assert!(outcome == seen || is_old, "stale, {}", self.platform());
            }
            seen
        });
        modes.into_iter().find_map(Result::ok)
    }

    fn looks(&self, cpu: usize, addr: VirtAddr, access: Access) -> Vec<PhysAddr> {
        let cpu = self.platform().cpu(cpu);
        let modes = [Privilege::Supervisor, Privilege::User].map(|privilege| {
            cpu.set_privilege(privilege);
            let _ = cpu.translate(addr, access);
            cpu.outcomes(addr, access)
        });
        modes.into_iter().flatten().filter_map(Result::ok).collect()
    }

    fn fail(&self, n: usize) {
        self.platform().frames().fail_alloc(n);
    }

    fn in_use(&self) -> usize {
        self.platform().frames().frames_in_use()
    }

    fn flushes(&self) -> usize {
        assert_eq!(self.platform().conflict(), None, "{}", self.platform());
        self.platform().calls(Call::Flush)
    }
}

/// Does `steps` to a space on a machine with this seed, and to its model.
fn run<B: Subject>(steps: Vec<Step>, seed: u64) {
    run_with::<B>(steps, seed, AccessedDirty::Preset);
}

fn run_with<B: Subject>(steps: Vec<Step>, seed: u64, policy: AccessedDirty) {
    SEED.set(seed);
    POLICY.set(policy);
    let mut pair = Pair::<B>::new();
    steps.into_iter().for_each(|step| pair.step(step));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    #[test]
    fn the_manager_over_sv39_on_the_machine_does_what_the_model_does(
        steps in vec(step(), 50..70),
        seed: u64,
    ) {
        run::<Sv39<Machine>>(steps, seed);
    }

    #[test]
    fn the_manager_over_sv48_on_the_machine_does_what_the_model_does(
        steps in vec(step(), 50..70),
        seed: u64,
    ) {
        run::<Sv48<Machine>>(steps, seed);
    }

    #[test]
    fn the_manager_over_sv57_on_the_machine_does_what_the_model_does(
        steps in vec(step(), 50..70),
        seed: u64,
    ) {
        run::<Sv57<Machine>>(steps, seed);
    }

    #[test]
    fn the_manager_over_x86_64_on_the_machine_does_what_the_model_does(
        steps in vec(step(), 50..70),
        seed: u64,
    ) {
        run::<X86_64<Machine<Cpus>>>(steps, seed);
    }

    #[test]
    fn the_manager_over_five_levels_of_x86_64_on_the_machine_does_what_the_model_does(
        steps in vec(step(), 50..70),
        seed: u64,
    ) {
        run::<X86_64La57<Machine<Cpus>>>(steps, seed);
    }

    #[test]
    fn the_manager_over_aarch64_on_the_machine_does_what_the_model_does(
        steps in vec(step(), 50..70),
        seed: u64,
        policy in select(&POLICIES),
    ) {
        run_with::<Aarch64<Machine<AArch64>>>(steps, seed, policy);
    }

    #[test]
    fn the_manager_over_aarch64_with_39_bits_on_the_machine_does_what_the_model_does(
        steps in vec(step(), 50..70),
        seed: u64,
        policy in select(&POLICIES),
    ) {
        run_with::<Aarch64Va39<Machine<AArch64>>>(steps, seed, policy);
    }
}
