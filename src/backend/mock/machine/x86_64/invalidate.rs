//! What `invpcid` forgets.

use super::X86_64;
use super::registers::Registers;
use crate::addr::VirtAddr;
use crate::asid::Asid;
use crate::backend::mock::machine::state::CpuState;

/// The four types of `invpcid` (SDM vol. 2, 'INVPCID—Invalidate Process-Context Identifier').
///
/// A CPU may forget more than is asked for. The machine's never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Invalidate {
    /// Type 0: what was cached for one address under one PCID, pointers on the way included. Global leaves stay, and so
    /// do pointers for other addresses.
    Page(Asid, VirtAddr),
    /// Type 1: what was cached under one PCID. Global leaves stay.
    Space(Asid),
    /// Type 2: everything.
    Everything,
    /// Type 3: what was cached under any PCID. Global leaves stay.
    Spaces,
}

impl Invalidate {
    /// Whether it faults: for a PCID that there is not, or an address that is not canonical.
    fn faults(self, registers: &Registers, cpus: X86_64) -> bool {
        let (Self::Page(pcid, _) | Self::Space(pcid)) = self else {
            return false;
        };
        let last = if registers.pcide { 0xfff } else { 0 };
        let is_canonical = match self {
            Self::Page(_, vaddr) => cpus.levels.is_canonical(vaddr),
            _ => true,
        };
        pcid.get() > last || !is_canonical
    }
}

impl CpuState<X86_64> {
    /// Obeys `invpcid`, and those writes of control registers that forget the same. What faults does nothing.
    pub(super) fn obey(&mut self, what: Invalidate, cpus: X86_64) {
        if what.faults(&self.registers, cpus) {
            return;
        }
        match what {
            Invalidate::Page(pcid, vaddr) => {
                self.tlb.forget_at(vaddr, |cached| cached.is_of(pcid));
            }
            Invalidate::Space(pcid) => self.tlb.forget(|cached| cached.is_of(pcid)),
            Invalidate::Everything => self.forget_everything(cpus),
            Invalidate::Spaces => self.tlb.forget(|cached| !cached.is_global),
        }
    }
}
