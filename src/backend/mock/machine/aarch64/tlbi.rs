//! `TLBI`: which entries an invalidation names, and how far it has come.

use super::AArch64;
use crate::addr::VirtAddr;
use crate::asid::Asid;
use crate::backend::mock::machine::calls::Call;
use crate::backend::mock::machine::memory::Memory;
use crate::backend::mock::machine::state::{CpuState, State};
use crate::backend::mock::machine::tlb::{Cached, Fate};

/// An invalidation ('TLB maintenance instructions'). For one page it names leaves of any size that hold the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tlbi {
    /// Of one page: leaves under the ASID, global ones, and pointers on the way that were read under the ASID.
    Vae1(Asid, VirtAddr),
    /// Of one page: leaves under the ASID, and global ones.
    Vale1(Asid, VirtAddr),
    /// Of one page: leaves and pointers on the way, under any ASID.
    Vaae1(VirtAddr),
    /// Of one page: leaves, under any ASID.
    Vaale1(VirtAddr),
    /// All under the ASID, pointers too, but for global leaves.
    Aside1(Asid),
    /// Everything.
    Vmalle1,
}

/// The CPUs that hear of an invalidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cpus {
    /// The one with this number.
    One(usize),
    /// All: they are in one Inner Shareable domain.
    All,
}

impl State<AArch64> {
    /// Issues an invalidation, unless this is the one to be skipped. A moment passes before.
    ///
    /// It is not complete before its barrier ([`dsb_ish`](Self::dsb_ish)).
    pub(super) fn tlbi(&mut self, what: Tlbi, cpus: Cpus, memory: Memory<'_, AArch64>) {
        self.moment(memory);
        if !self.calls.note(Call::Fence) {
            return;
        }
        match cpus {
            Cpus::One(number) => self.cpu(number).begin(what, memory),
            Cpus::All => {
                let all = self.cpus.values_mut();
                all.for_each(|cpu| cpu.begin(what, memory));
            }
        }
    }
}

impl CpuState<AArch64> {
    /// Notes for all entries that `what` names that they are about to go.
    fn begin(&mut self, what: Tlbi, memory: Memory<'_, AArch64>) {
        let cpus = memory.rules;
        let within = |asid: Asid| Asid::new(cpus.within(asid.get()));
        let is_leaf = |cached: &Cached<AArch64>| cpus.is_leaf(cached.step);
        match what {
            Tlbi::Vae1(asid, vaddr) => {
                let asid = within(asid);
                self.begin_at(vaddr, |cached| cached.hits(asid), memory);
            }
            Tlbi::Vale1(asid, vaddr) => {
                let asid = within(asid);
                let is_named = |cached: &Cached<_>| is_leaf(cached) && cached.hits(asid);
                self.begin_at(vaddr, is_named, memory);
            }
            Tlbi::Vaae1(vaddr) => self.begin_at(vaddr, |_| true, memory),
            Tlbi::Vaale1(vaddr) => self.begin_at(vaddr, is_leaf, memory),
            Tlbi::Aside1(asid) => {
                let asid = within(asid);
                self.tlb.retain(|cached| {
                    let is_named = cached.is_of(asid);
                    go(cached, is_named, memory)
                });
            }
            Tlbi::Vmalle1 => self.tlb.retain(|cached| go(cached, true, memory)),
        }
    }

    fn begin_at(
        &mut self,
        vaddr: VirtAddr,
        is_named: impl Fn(&Cached<AArch64>) -> bool,
        memory: Memory<'_, AArch64>,
    ) {
        self.tlb.retain_at(vaddr, |cached| {
            let is_named = is_named(cached);
            go(cached, is_named, memory)
        });
    }
}

/// Notes that an entry which is named is about to go. It stays until then: the answer is always true.
///
/// Where another entry is in memory and no barrier has made it visible, the CPU may walk once more after the
/// invalidation, and cache the old one again. That is as if it had not been named.
fn go(cached: &mut Cached<AArch64>, is_named: bool, memory: Memory<'_, AArch64>) -> bool {
    let is_known =
        || cached.fate != Fate::Stays || memory.read(cached.step.at) == Ok(cached.step.entry);
    if is_named && is_known() {
        cached.fate = Fate::Going;
    }
    true
}
