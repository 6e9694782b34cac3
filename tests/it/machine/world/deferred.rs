//! Verbs whose flush comes later, and what other CPUs do until then.

use std::collections::BTreeMap;

use kernel_vm::{Access, MapError, Privilege, Settled};

use super::op::{Op, Verb};
use super::waits::leaves;
use super::{CPUS, Mmu, SPACES, Space, World};

impl<F: Mmu> World<F> {
    /// The space that an operation is about. Nothing is deferred where no CPU has cached anything, and nothing is
    /// settled where nothing waits, if there is a better place.
    pub(super) fn space_of(&self, op: &Op) -> usize {
        let number = op.number % SPACES;
        let mut spaces = (number..number + SPACES).map(|space| space % SPACES);
        let better = match op.verb {
            Verb::UnmapDeferred | Verb::ProtectDeferred => self.running[op.number % CPUS],
            Verb::Settle | Verb::Fault => spaces.find(|&space| self.waits(space)),
            _ => None,
        };
        better.unwrap_or(number)
    }

    /// The CPUs that run the space cache what is at both ends of the area.
    fn warm(&self, number: usize, op: &Op) {
        let running = (0..CPUS).filter(|&cpu| self.running[cpu] == Some(number));
        for cpu in running.map(|cpu| self.machine().cpu(cpu)) {
            cpu.prefetch(op.area.start());
            cpu.prefetch(op.area.end());
        }
    }

    /// Does a deferred verb. All leaves that it has changed wait from then on.
    pub(super) fn defer(&mut self, number: usize, op: &Op) -> Result<(), MapError> {
        self.warm(number, op);
        let Space { manager, running } = &mut self.spaces[number];
        let before = leaves(manager.backend(), op.area);
        match op.verb {
            Verb::ProtectDeferred => manager.protect_deferred(op.area, op.permissions)?,
            _ => manager.unmap_deferred(op.area)?,
        }
        let after: BTreeMap<_, _> = leaves(manager.backend(), op.area).into_iter().collect();
        let mut waits = running.waits.borrow_mut();
        let changed = before
            .into_iter()
            .filter(|(page, old)| after.get(page) != Some(old));
        changed.for_each(|(page, old)| waits.add(page, old));
        Ok(())
    }

    /// A CPU settles, while all others go on.
    pub(super) fn settle(&self, number: usize) {
        self.shared.forgets.set(self.forgets_settlements);
        assert_eq!(self.spaces[number].manager.settle(), Settled::Done);
        self.shared.forgets.set(false);
    }

    /// A CPU faults. The handler settles if it must: what has been flushed by then waits no longer.
    pub(super) fn fault(&self, number: usize, op: &Op) {
        let space = &self.spaces[number].manager;
        for access in [Access::Read, Access::Write] {
            // A refusal leaves everything as it was, which is looked at afterwards.
            let _ = space.handle_fault(op.area.start(), access, Privilege::Kernel);
        }
    }
}
