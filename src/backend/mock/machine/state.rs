//! The state of a machine's CPUs: registers, TLBs, and the fences that both obey.

use alloc::collections::{BTreeMap, BTreeSet};

use super::calls::{Call, Calls};
use super::memory::Memory;
use super::satp::{Satp, Scheme};
use super::stale::Stale;
use super::status::Status;
use super::tlb::Tlb;
use crate::addr::{PhysAddr, VirtAddr};
use crate::asid::Asid;
use crate::backend::rng::Rng;

/// The state behind a machine's lock.
#[derive(Debug)]
pub(super) struct State {
    /// The CPUs that were used so far, by number.
    pub(super) cpus: BTreeMap<usize, CpuState>,
    pub(super) rng: Rng,
    pub(super) calls: Calls,
    pub(super) hot: Hot,
    /// The first entry that led to a frame when the frame was given back.
    pub(super) released: Option<Stale>,
}

/// The registers and the TLB of one CPU. The default is a CPU that was never used.
#[derive(Debug, Default)]
pub(super) struct CpuState {
    pub(super) satp: Satp,
    pub(super) status: Status,
    pub(super) tlb: Tlb,
    /// The roots of whose tables entries may be cached: those in `satp` since the CPU forgot everything.
    pub(super) roots: BTreeSet<PhysAddr>,
}

/// The last 16 addresses that an access or a flush has named: near them the CPUs speculate.
#[derive(Debug, Default)]
pub(super) struct Hot {
    addrs: [VirtAddr; 16],
    next: usize,
}

impl State {
    /// The CPU with this number, which is made where it was never used.
    pub(super) fn cpu(&mut self, number: usize) -> &mut CpuState {
        self.cpus.entry(number).or_default()
    }

    /// Fences one CPU, unless this is the fence to be skipped. A moment passes before.
    pub(super) fn fence(
        &mut self,
        number: usize,
        vaddr: Option<VirtAddr>,
        asid: Option<Asid>,
        memory: Memory<'_>,
    ) {
        self.moment(memory);
        if self.calls.note(Call::Fence) {
            self.cpu(number).fence(vaddr, asid, memory);
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

impl CpuState {
    /// Writes `satp`, and forgets nothing: entries under the new ASID hit at once. With a reserved MODE nothing is
    /// written.
    pub(super) fn write_satp(&mut self, bits: u64, asid_bits: u32) {
        let Some(satp) = Satp::from_bits(bits) else {
            return;
        };
        self.satp = Satp {
            asid: within(satp.asid, asid_bits),
            ..satp
        };
        if satp.mode != Scheme::Bare {
            self.roots.insert(satp.root);
        }
    }

    /// Obeys `sfence.vma`, in its four forms ('Supervisor Memory-Management Fence Instruction').
    ///
    /// A fence of everything also ends the CPU's interest in roots other than that in `satp`.
    pub(super) fn fence(
        &mut self,
        vaddr: Option<VirtAddr>,
        asid: Option<Asid>,
        memory: Memory<'_>,
    ) {
        let asid = asid.map(|asid| within(asid, memory.extensions.asid_bits));
        match vaddr {
            // 'If the value held in rs1 is not a valid virtual address, then the SFENCE.VMA instruction has no effect.'
            Some(vaddr) if !self.satp.mode.is_canonical(vaddr) => {}
            // An entry that was no leaf and is one now has been written as a leaf. One that was not valid and points to
            // a table now has not: it may be kept.
            Some(vaddr) => self.tlb.fence_page(vaddr, asid, |step| {
                step.level == 0
                    || step.pte.is_leaf()
                    || memory.read(step.at).is_ok_and(|pte| pte.is_leaf())
            }),
            None => {
                self.tlb.fence(asid);
                if asid.is_none() {
                    let root = self.satp.root;
                    let is_active = self.satp.mode != Scheme::Bare;
                    self.roots.retain(|&seen| is_active && seen == root);
                }
            }
        }
    }
}

/// The ASID without the bits that these CPUs do not have.
fn within(asid: Asid, bits: u32) -> Asid {
    let mask = u16::MAX
        .checked_shr(16_u32.saturating_sub(bits))
        .unwrap_or(0);
    Asid::new(asid.get() & mask)
}
