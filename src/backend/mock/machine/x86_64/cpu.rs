//! The registers and invalidations of an x86-64 CPU.

use super::X86_64;
use super::invalidate::Invalidate;
use super::registers::Registers;
use crate::addr::VirtAddr;
use crate::backend::mock::machine::cpu::Cpu;

impl Cpu<'_, X86_64> {
    /// Sets CR0.PG. Until it is set, virtual addresses are physical ones. To clear it forgets everything.
    pub fn set_paging(&self, paging: bool) {
        self.with(|cpu, memory, _| {
            cpu.registers.paging = paging;
            if paging {
                cpu.note_root(memory.rules);
            } else {
                cpu.forget_everything(memory.rules);
            }
        });
    }

    /// Reads CR0.PG.
    #[must_use]
    pub fn paging(&self) -> bool {
        self.with(|cpu, _, _| cpu.registers.paging)
    }

    /// Writes CR3: the root's address in bits 12 up, and with CR4.PCIDE a PCID in bits 0 to 11.
    ///
    /// What was cached under that PCID, or under none, is forgotten, but for global leaves. With CR4.PCIDE and bit 63
    /// nothing is. Where hardware faults, nothing is written: for bit 63 without CR4.PCIDE, and for an address wider
    /// than the CPU's.
    pub fn write_cr3(&self, bits: u64) {
        self.with(|cpu, memory, _| cpu.write_cr3(bits, memory.rules));
    }

    /// Reads CR3: bit 63 is clear.
    #[must_use]
    pub fn cr3(&self) -> u64 {
        self.with(|cpu, _, _| cpu.registers.cr3)
    }

    /// `invlpg`: forgets leaves for `vaddr` under the current PCID, global ones under any, and every pointer that was
    /// cached under the current PCID.
    pub fn invlpg(&self, vaddr: VirtAddr) {
        self.fence(|cpu, memory| cpu.invlpg(vaddr, memory.rules));
    }

    /// `invpcid`. Where hardware faults, nothing is done: for a PCID other than 0 without CR4.PCIDE, and for an address
    /// that is not canonical.
    pub fn invpcid(&self, what: Invalidate) {
        self.fence(|cpu, memory| cpu.obey(what, memory.rules));
    }

    /// Sets CR4.PGE: leaves with G are global. A change forgets everything, and counts as a fence.
    pub fn set_pge(&self, pge: bool) {
        self.change(|registers| &mut registers.pge, pge, |_| true);
    }

    /// Sets CR4.PCIDE: what is cached is cached under the PCID in CR3. To clear it forgets everything, and counts as a
    /// fence. It cannot be set while CR3 has a PCID other than 0: then nothing is written.
    pub fn set_pcide(&self, pcide: bool) {
        if !pcide || self.cr3() & 0xfff == 0 {
            self.change(|registers| &mut registers.pcide, pcide, |pcide| !pcide);
        }
    }

    /// Sets CR4.SMEP: the kernel cannot fetch from pages that user mode may reach. Takes effect at once.
    pub fn set_smep(&self, smep: bool) {
        self.with(|cpu, _, _| cpu.registers.smep = smep);
    }

    /// Sets CR4.SMAP: the kernel cannot load from or store to pages that user mode may reach, while EFLAGS.AC is clear.
    /// Takes effect at once.
    pub fn set_smap(&self, smap: bool) {
        self.with(|cpu, _, _| cpu.registers.smap = smap);
    }

    /// Sets EFLAGS.AC: SMAP is suspended, as by `stac` and `clac`.
    pub fn set_ac(&self, ac: bool) {
        self.with(|cpu, _, _| cpu.registers.ac = ac);
    }

    /// Sets CR0.WP: the kernel, too, cannot store where R/W is clear. Takes effect at once.
    pub fn set_wp(&self, wp: bool) {
        self.with(|cpu, _, _| cpu.registers.wp = wp);
    }

    /// Writes a flag, and forgets everything where it changes to a value of which `forgets` says so.
    fn change(
        &self,
        flag: impl Fn(&mut Registers) -> &mut bool,
        value: bool,
        forgets: impl Fn(bool) -> bool,
    ) {
        let before = self.with(|cpu, _, _| core::mem::replace(flag(&mut cpu.registers), value));
        if before != value && forgets(value) {
            self.fence(|cpu, memory| cpu.forget_everything(memory.rules));
        }
    }
}
