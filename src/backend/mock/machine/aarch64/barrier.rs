//! `DSB`: what stores to tables are visible to walks, and which invalidations are complete.
//!
//! A walk may miss a store to a table until a `DSB` of the CPU that stored ('Ordering of translation table walks and
//! updates'). The machine does not hear of stores. So it keeps each entry that a walk has read, also those that no TLB
//! may hold, since the walk may read them once more. A barrier ends that.

use super::AArch64;
use super::descriptor::Descriptor;
use crate::backend::mock::machine::calls::Call;
use crate::backend::mock::machine::memory::{Memory, Step};
use crate::backend::mock::machine::rules::{Architecture, Kind};
use crate::backend::mock::machine::state::{CpuState, State};
use crate::backend::mock::machine::tlb::Fate;

impl State<AArch64> {
    /// `DSB ISHST`, unless it is the barrier to be skipped: earlier stores are visible to later walks, of all CPUs. A
    /// moment passes before.
    pub(super) fn dsb_ishst(&mut self, memory: Memory<'_, AArch64>) {
        self.moment(memory);
        if self.calls.note(Call::Barrier) {
            self.cpus.values_mut().for_each(|cpu| cpu.settle(memory));
        }
    }

    /// `DSB ISH`, unless it is the barrier to be skipped: as [`dsb_ishst`](Self::dsb_ishst), and all invalidations are
    /// complete, other CPUs' too, which they need not be.
    pub(super) fn dsb_ish(&mut self, memory: Memory<'_, AArch64>) {
        self.moment(memory);
        if self.calls.note(Call::Barrier) {
            for cpu in self.cpus.values_mut() {
                cpu.settle(memory);
                cpu.tlb.forget(|cached| cached.fate == Fate::Going);
            }
        }
    }
}

impl CpuState<AArch64> {
    /// Forgets what no TLB holds, and notes which entries are no longer in memory.
    fn settle(&mut self, memory: Memory<'_, AArch64>) {
        self.tlb.retain(|cached| {
            let is_old = memory.read(cached.step.at) != Ok(cached.step.entry);
            if is_old && cached.fate == Fate::Stays {
                cached.fate = Fate::Outdated;
            }
            memory.rules.is_in_tlbs(cached.step)
        });
    }
}

impl AArch64 {
    /// Whether a TLB may hold the entry: not one that causes a Translation, an Address size or an Access flag fault
    /// ('Translation Lookaside Buffers'). One that causes a Permission fault may be held.
    fn is_in_tlbs(self, step: Step<Self>) -> bool {
        match self.kind(step.entry, step.level) {
            Kind::Fault(_) => false,
            Kind::Pointer(_) => true,
            Kind::Leaf(_) => Descriptor(step.entry).is_accessed(),
        }
    }
}
