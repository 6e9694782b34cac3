//! The registers, invalidations and barriers of an Arm CPU.

use super::AArch64;
use super::registers::{Registers, Ttbr};
use super::tlbi::{Cpus, Tlbi};
use crate::backend::mock::machine::cpu::Cpu;
use crate::backend::mock::machine::rules::Architecture;
use crate::backend::mock::machine::state::CpuState;

impl Cpu<'_, AArch64> {
    /// Writes `TTBR0_EL1`: the root's address in bits 12 to 47, an ASID in bits 48 to 63.
    ///
    /// As on hardware, this neither orders nor forgets anything, and entries that are cached under the new ASID hit at
    /// once. Until it is written, the lower half has no tables (TCR_EL1.EPD0).
    pub fn write_ttbr0(&self, bits: u64) {
        self.set(|registers| registers.ttbr0 = Ttbr(Some(bits)));
    }

    /// Writes `TTBR1_EL1`, of the upper half, as [`write_ttbr0`](Self::write_ttbr0) does the other.
    pub fn write_ttbr1(&self, bits: u64) {
        self.set(|registers| registers.ttbr1 = Ttbr(Some(bits)));
    }

    /// Reads `TTBR0_EL1`; 0 where it was never written.
    #[must_use]
    pub fn ttbr0(&self) -> u64 {
        self.with(|cpu, _, _| cpu.registers.ttbr0.0.unwrap_or(0))
    }

    /// Reads `TTBR1_EL1`; 0 where it was never written.
    #[must_use]
    pub fn ttbr1(&self) -> u64 {
        self.with(|cpu, _, _| cpu.registers.ttbr1.0.unwrap_or(0))
    }

    /// Sets TCR_EL1.EPD0: no walk goes through `TTBR0_EL1`, so nothing of the lower half is cached. What is cached
    /// stays, and serves again when this is cleared; hardware may use it meanwhile.
    ///
    /// A kernel sets it, or lets `TTBR0_EL1` lead to an empty table, while it invalidates an ASID that it is about to
    /// give to another space. Else old and new translations could be in reach at once.
    pub fn set_epd0(&self, epd0: bool) {
        self.set(|registers| registers.epd0 = epd0);
    }

    /// Sets SCTLR_EL1.M. Until it is set, virtual addresses are physical ones. What is cached stays.
    pub fn set_mmu(&self, mmu: bool) {
        self.set(|registers| registers.mmu = mmu);
    }

    /// Reads SCTLR_EL1.M.
    #[must_use]
    pub fn mmu(&self) -> bool {
        self.with(|cpu, _, _| cpu.registers.mmu)
    }

    /// Sets PSTATE.PAN: EL1 can neither load from nor store to what EL0 can. Takes effect at once.
    pub fn set_pan(&self, pan: bool) {
        self.set(|registers| registers.pan = pan);
    }

    /// `TLBI`, here and nowhere else. Until the next [`dsb_ish`](Self::dsb_ish), what it names still serves.
    ///
    /// What it names in vain: an entry in whose place another was stored, if no barrier has come since the store.
    pub fn tlbi(&self, what: Tlbi) {
        let number = self.number();
        self.order(|state, memory| state.tlbi(what, Cpus::One(number), memory));
    }

    /// `TLBI` with `IS`, as [`tlbi`](Self::tlbi), on all CPUs: it is broadcast.
    pub fn tlbi_is(&self, what: Tlbi) {
        self.order(|state, memory| state.tlbi(what, Cpus::All, memory));
    }

    /// `DSB ISHST`: walks of all CPUs see what was stored before. It completes no invalidation.
    pub fn dsb_ishst(&self) {
        self.order(|state, memory| state.dsb_ishst(memory));
    }

    /// `DSB ISH`: as [`dsb_ishst`](Self::dsb_ishst), and invalidations are complete.
    pub fn dsb_ish(&self) {
        self.order(|state, memory| state.dsb_ish(memory));
    }

    /// Writes a register, and notes the roots that are in use then.
    fn set(&self, write: impl FnOnce(&mut Registers)) {
        self.with(|cpu, memory, _| {
            write(&mut cpu.registers);
            cpu.note_roots(memory.rules);
        });
    }
}

impl CpuState<AArch64> {
    fn note_roots(&mut self, cpus: AArch64) {
        let roots = cpus.roots(&self.registers).into_iter();
        self.roots.extend(roots.map(|root| root.table));
    }
}
