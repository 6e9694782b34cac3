//! The registers and fences of a RISC-V CPU ('hart').

use super::RiscV;
use crate::addr::VirtAddr;
use crate::asid::Asid;
use crate::backend::mock::machine::cpu::Cpu;

impl Cpu<'_, RiscV> {
    /// Writes `satp`, as [`Satp::bits`](crate::backend::riscv::Satp::bits) has it.
    ///
    /// As on hardware, this neither orders nor forgets anything, and entries that are cached under the new ASID hit at
    /// once. With a reserved MODE nothing is written.
    pub fn write_satp(&self, bits: u64) {
        self.with(|cpu, memory, _| {
            let asid_bits = memory.rules.extensions().asid_bits;
            cpu.write_satp(bits, asid_bits);
        });
    }

    /// Reads `satp`.
    #[must_use]
    pub fn satp(&self) -> u64 {
        self.with(|cpu, _, _| cpu.registers.satp.bits())
    }

    /// Sets SUM in `sstatus`: S-mode may load and store where user mode may. Takes effect at once.
    pub fn set_sum(&self, sum: bool) {
        self.with(|cpu, _, _| cpu.registers.sum = sum);
    }

    /// Sets MXR in `sstatus`: what is executable is readable. Takes effect at once.
    pub fn set_mxr(&self, mxr: bool) {
        self.with(|cpu, _, _| cpu.registers.mxr = mxr);
    }

    /// `sfence.vma`, here and nowhere else; `None` is `x0` ('Supervisor Memory-Management Fence Instruction').
    /// - Without operands everything is forgotten.
    /// - With an ASID: what was cached under it, at all levels. Global entries stay.
    /// - With an address: leaves for it, under any ASID, global ones too, and invalid entries where a leaf is now.
    ///   Pointers stay, and so do invalid entries above level 0 in whose place there is a pointer now.
    /// - With both: what both name. Global entries stay.
    ///
    /// An address that is not canonical names nothing.
    pub fn sfence_vma(&self, vaddr: Option<VirtAddr>, asid: Option<Asid>) {
        self.fence(|cpu, memory| cpu.sfence_vma(vaddr, asid, memory));
    }
}
