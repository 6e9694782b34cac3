//! The state of a machine's CPUs: registers, TLBs, and the fences that are counted.

use alloc::collections::{BTreeMap, BTreeSet};

use super::calls::{Call, Calls};
use super::memory::{Memory, Step};
use super::rules::Architecture;
use super::stale::Stale;
use super::tlb::{Cached, Fate, Tlb};
use crate::addr::{PhysAddr, VirtAddr};
use crate::asid::Asid;
use crate::backend::rng::Rng;

/// The state behind a machine's lock.
#[derive(Debug)]
pub struct State<A: Architecture> {
    /// The CPUs that were used so far, by number.
    pub(super) cpus: BTreeMap<usize, CpuState<A>>,
    pub(super) rng: Rng,
    pub(super) calls: Calls,
    pub(super) hot: Hot,
    /// The first entry that led to a frame when the frame was given back.
    pub(super) released: Option<Stale>,
}

/// The registers and the TLB of one CPU. The default is a CPU that was never used.
#[derive(Debug)]
pub struct CpuState<A: Architecture> {
    pub(super) registers: A::Registers,
    pub(super) tlb: Tlb<A>,
    /// The roots of whose tables entries may be cached: those in use since the CPU forgot everything.
    pub(super) roots: BTreeSet<PhysAddr>,
    /// The first address of which two translations were in reach that must not be.
    pub(super) conflict: Option<VirtAddr>,
}

/// The last 16 addresses that an access or a flush has named: near them the CPUs speculate.
#[derive(Debug, Default)]
pub(super) struct Hot {
    addrs: [VirtAddr; 16],
    next: usize,
}

impl<A: Architecture> State<A> {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            cpus: BTreeMap::new(),
            rng: Rng::new(seed),
            calls: Calls::default(),
            hot: Hot::default(),
            released: None,
        }
    }

    /// The CPU with this number, which is made where it was never used.
    pub(super) fn cpu(&mut self, number: usize) -> &mut CpuState<A> {
        self.cpus.entry(number).or_default()
    }

    /// Notes what is in reach of CPUs and must not be.
    pub(super) fn note_conflicts(&mut self, memory: Memory<'_, A>) {
        let cpus = self.cpus.values_mut();
        cpus.for_each(|cpu| cpu.note_conflict(memory));
    }

    /// Does `fence` to one CPU, unless this is the fence to be skipped. A moment passes before.
    pub(super) fn fence(
        &mut self,
        number: usize,
        memory: Memory<'_, A>,
        fence: impl FnOnce(&mut CpuState<A>),
    ) {
        self.moment(memory);
        if self.calls.note(Call::Fence) {
            fence(self.cpu(number));
        }
    }
}

impl Hot {
    /// Notes an address, in place of the oldest.
    pub(super) fn note(&mut self, vaddr: VirtAddr) {
        if let Some(place) = self.addrs.get_mut(self.next) {
            *place = vaddr;
        }
        self.next = (self.next + 1) % self.addrs.len();
    }

    /// One of the addresses, at random; address 0 counts as one until 16 were noted.
    pub(super) fn one(&self, rng: &mut Rng) -> VirtAddr {
        rng.one_of(&self.addrs).unwrap_or_default()
    }
}

impl<A: Architecture> Default for CpuState<A> {
    fn default() -> Self {
        Self {
            registers: A::Registers::default(),
            tlb: Tlb::default(),
            roots: BTreeSet::new(),
            conflict: None,
        }
    }
}

impl<A: Architecture> CpuState<A> {
    /// Caches an entry that a walk for `vaddr` has read, if one such may be cached. `fate` is that of the cached entry
    /// which the walk began with.
    pub(super) fn cache(
        &mut self,
        rules: A,
        vaddr: VirtAddr,
        asid: Asid,
        step: Step<A>,
        fate: Fate,
    ) {
        if rules.keeps(step) {
            self.note_conflict_of(rules, vaddr, asid, step);
            let is_global = rules.is_global(&self.registers, step);
            let cached = Cached {
                asid,
                is_global,
                step,
                fate: match fate {
                    Fate::Going => Fate::Going,
                    Fate::Stays | Fate::Outdated => Fate::Stays,
                },
            };
            self.tlb.add(vaddr, cached);
        }
    }

    /// Forgets everything, and with it the CPU's interest in roots that are no longer in use.
    pub(super) fn forget_everything(&mut self, rules: A) {
        self.tlb.clear();
        let roots = rules.roots(&self.registers).into_iter();
        self.roots = roots.map(|root| root.table).collect();
    }
}
