//! Whatever a CPU may answer is what the tables say.

use kernel_vm::backend::mock::machine::{Architecture, Cpu, Stale, Trap};
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::{Entry, PageTableBackend, Paging};
use kernel_vm::{Access, PhysAddr, VirtAddr};

use super::op::{is_kernel, sample};
use super::platform::CPUS;
use super::{Mmu, World};

const ALL: [Access; 3] = [Access::Read, Access::Write, Access::Execute];

/// What a CPU says of an access that did not happen.
type Refusal<F> = Trap<<<F as Mmu>::Cpus as Architecture>::Cause>;

impl<F: Mmu> World<F> {
    /// What is wrong, if anything: something stale on a CPU, or an answer that the tables don't give.
    pub(super) fn look(&self) -> Result<(), String> {
        if let Some(conflict) = self.machine().conflict() {
            return Err(conflict.to_string());
        }
        let stale = self.machine().stale();
        // CPUs may find nothing where something is by now, where nobody tells them.
        let is_allowed = |stale: &Stale| {
            stale.is_spurious && self.may_fault() || self.may_be_stale(stale.cpu, stale.vaddr)
        };
        if let Some(stale) = stale.filter(|stale| !is_allowed(stale)) {
            return Err(stale.to_string());
        }
        let running = (0..CPUS).filter_map(|cpu| Some((cpu, self.running[cpu]?)));
        running
            .clone()
            .try_for_each(|(cpu, space)| self.access(cpu, space))?;
        // What is stale was found above: this is for what was never right, and needs no look at everything each time.
        let (turn, first) = (self.shared.tick() % CPUS, self.shared.tick() / CPUS % 4);
        for (cpu, space) in running.clone().filter(|&(cpu, _)| cpu == turn) {
            let mut sample = sample().skip(first).step_by(4);
            sample.try_for_each(|addr| self.compare(cpu, space, addr))?;
        }
        // Nor does it find anything behind what may be stale.
        for (cpu, space) in running.filter(|&(_, space)| self.waits(space)) {
            sample().try_for_each(|addr| self.compare(cpu, space, addr))?;
        }
        Ok(())
    }

    /// All that a CPU may answer.
    fn compare(&self, cpu: usize, space: usize, addr: VirtAddr) -> Result<(), String> {
        for access in ALL {
            let may = self.may(space, addr, access);
            let outcomes = self.machine().cpu(cpu).outcomes(addr, access);
            let is_right = |outcome: &Result<PhysAddr, Refusal<F>>| match outcome {
                Err(trap) if self.may_fault() => is_page_fault::<F>(trap),
                outcome => may.allow::<F>(outcome),
            };
            if let Some(wrong) = outcomes.iter().find(|outcome| !is_right(outcome)) {
                return Err(format!("{wrong:?} instead of {may:x?} for {addr}"));
            }
        }
        Ok(())
    }

    /// Loads where the last operation was, and asks for a store. A fault where something is is over after a fence.
    fn access(&self, cpu: usize, space: usize) -> Result<(), String> {
        let (hart, addr) = (self.machine().cpu(cpu), self.shared.hot.get());
        let may_read = self.may(space, addr, Access::Read);
        if may_read.targets.is_empty() {
            return Ok(());
        }
        // A store tells something where it leaves a mark.
        let is_preset = self.shared.policy == AccessedDirty::Preset;
        let accesses: &[Access] = if is_preset { &ALL[..1] } else { &ALL[..2] };
        for &access in accesses {
            let handle = || self.handle(hart, space, addr, access);
            let seen = self.with_handler(handle, || hart.translate(addr, access));
            let may = self.may(space, addr, access);
            if !may.allow::<F>(&seen) {
                return Err(format!("{seen:?} instead of {may:x?} for {addr}"));
            }
        }
        // Where a device may answer, nothing is known of the bytes.
        let stamps = self.shared.stamps.borrow();
        let stamps = may_read.targets.iter().map(|paddr| stamps.get(paddr));
        let Some(stamps) = stamps.collect::<Option<Vec<_>>>() else {
            return Ok(());
        };
        let handle = || self.handle(hart, space, addr, Access::Read);
        let is_right = match self.with_handler(handle, || hart.load_u64(addr)) {
            Ok(bytes) => stamps.contains(&&bytes),
            Err(trap) => may_read.allow::<F>(&Err(trap)),
        };
        if !is_right {
            return Err(format!("another frame's bytes at {addr}"));
        }
        Ok(())
    }

    /// An access, tried again where the kernel leaves it to that.
    fn with_handler<R>(
        &self,
        handle: impl Fn(),
        access: impl Fn() -> Result<R, Refusal<F>>,
    ) -> Result<R, Refusal<F>> {
        match access() {
            Err(trap) if self.may_fault() && is_page_fault::<F>(&trap) => {
                handle();
                access()
            }
            answer => answer,
        }
    }

    /// The kernel answers a fault: by accessed and dirty bits, where it keeps them, and by a fence, where the fault is
    /// remembered.
    fn handle(&self, hart: Cpu<'_, F::Cpus>, space: usize, addr: VirtAddr, access: Access) {
        if self.shared.policy == AccessedDirty::Software {
            let table = if is_kernel(addr) {
                &self.kernel
            } else {
                self.spaces[space].manager.backend()
            };
            let _ = table.touch(addr, access);
        }
        if F::REMEMBERS_FAULTS {
            F::forget(hart);
        }
    }

    /// Whether a CPU may fault once where the tables allow the access: nobody has told it that they do.
    fn may_fault(&self) -> bool {
        let is_software = self.shared.policy == AccessedDirty::Software;
        self.shared.is_lazy || is_software || !F::REMEMBERS_FAULTS
    }

    /// Whether deferred verbs wait in a space to be settled.
    pub(super) fn waits(&self, space: usize) -> bool {
        !self.spaces[space].running.waits.borrow().is_empty()
    }

    /// Whether a CPU may have cached of `addr` what is no longer so.
    fn may_be_stale(&self, cpu: usize, addr: VirtAddr) -> bool {
        let space = self.running.get(cpu).copied().flatten();
        space.is_some_and(|space| self.spaces[space].running.waits.borrow().has(addr))
    }

    /// What may come of an access: as the tables say, or as they did before deferred verbs that nobody has settled.
    fn may(&self, space: usize, addr: VirtAddr, access: Access) -> May {
        let expected = self.expected(space, addr, access);
        let waits = self.spaces[space].running.waits.borrow();
        let faults = expected.is_none() || waits.deny(addr, access);
        let targets = expected.into_iter().chain(waits.targets(addr, access));
        May {
            targets: targets.collect(),
            faults,
        }
    }

    /// Where the tables say that an access goes.
    fn expected(&self, space: usize, addr: VirtAddr, access: Access) -> Option<PhysAddr> {
        let entry = if is_kernel(addr) {
            self.kernel.entry(addr)
        } else {
            self.spaces[space].manager.backend().entry(addr)
        };
        match entry {
            Entry::Leaf(run) if run.attributes.permissions.allow(access) => run.translate(addr),
            _ => None,
        }
    }
}

/// What may come of an access.
#[derive(Debug)]
struct May {
    targets: Vec<PhysAddr>,
    faults: bool,
}

impl May {
    fn allow<F: Mmu>(&self, outcome: &Result<PhysAddr, Refusal<F>>) -> bool {
        match outcome {
            Ok(paddr) => self.targets.contains(paddr),
            Err(trap) => self.faults && is_page_fault::<F>(trap),
        }
    }
}

fn is_page_fault<F: Mmu>(trap: &Refusal<F>) -> bool {
    F::Cpus::is_page_fault(trap.cause) && trap.freed.is_none()
}
