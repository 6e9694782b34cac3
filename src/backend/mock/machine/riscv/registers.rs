//! The registers of a RISC-V CPU that decide how it translates, and its fence.

use super::RiscV;
use super::pte::Pte;
use super::satp::{Satp, Scheme};
use crate::addr::VirtAddr;
use crate::asid::Asid;
use crate::backend::mock::machine::memory::Memory;
use crate::backend::mock::machine::privilege::Privilege;
use crate::backend::mock::machine::state::CpuState;

/// `satp`, the mode, and the bits of `sstatus` that decide, beside the entry, whether an access is allowed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registers {
    pub(super) satp: Satp,
    pub(super) privilege: Privilege,
    /// SUM: S may load and store where U may.
    pub(super) sum: bool,
    /// MXR: loads are allowed where fetches are.
    pub(super) mxr: bool,
}

impl CpuState<RiscV> {
    /// Writes `satp`, and forgets nothing: entries under the new ASID hit at once. With a reserved MODE nothing is
    /// written.
    pub(super) fn write_satp(&mut self, bits: u64, asid_bits: u32) {
        let Some(satp) = Satp::from_bits(bits) else {
            return;
        };
        self.registers.satp = Satp {
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
    pub(super) fn sfence_vma(
        &mut self,
        vaddr: Option<VirtAddr>,
        asid: Option<Asid>,
        memory: Memory<'_, RiscV>,
    ) {
        let asid = asid.map(|asid| within(asid, memory.rules.extensions().asid_bits));
        let Some(vaddr) = vaddr else {
            return match asid {
                None => self.forget_everything(memory.rules),
                Some(asid) => self.tlb.forget(|cached| cached.is_of(asid)),
            };
        };
        // 'If the value held in rs1 is not a valid virtual address, then the SFENCE.VMA instruction has no effect.'
        if !self.registers.satp.mode.is_canonical(vaddr) {
            return;
        }
        self.tlb.forget_at(vaddr, |cached| {
            let step = cached.step;
            // An entry that was no leaf and is one now has been written as a leaf. One that was not valid and points to
            // a table now has not: it may be kept.
            let was_leaf = step.level == 0
                || Pte(step.entry).is_leaf()
                || memory.read(step.at).is_ok_and(|entry| Pte(entry).is_leaf());
            was_leaf && asid.is_none_or(|asid| cached.is_of(asid))
        });
    }
}

/// The ASID without the bits that these CPUs do not have.
fn within(asid: Asid, bits: u32) -> Asid {
    let mask = u16::MAX
        .checked_shr(16_u32.saturating_sub(bits))
        .unwrap_or(0);
    Asid::new(asid.get() & mask)
}
