//! AArch64 with halves of 48 bits and of 39, and a kernel that has TTBR1_EL1 for itself, and broadcasts.

use kernel_vm::backend::aarch64::{Aarch64Format, Ttbr};
use kernel_vm::backend::mock::machine::{AArch64, Cpu, Hafdbs, Machine, Tlbi, VaBits};
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::{Asid, Flush, PhysAddr, VirtAddr};

use super::{FEW, Mmu, pages};

impl<const L: usize> Mmu for Aarch64Format<L> {
    type Cpus = AArch64;
    const NAME: &'static str = if L == 4 {
        "AArch64"
    } else {
        "AArch64 with 39 bits"
    };
    const REMEMBERS_FAULTS: bool = true;
    const PAGES_SPARE_POINTERS: bool = true;
    const NEWS_NAME_PLACES: bool = false;
    const FLUSHES_NAME_SPACES: bool = false;

    fn cpus() -> AArch64 {
        AArch64::new().with_va_bits(if L == 4 {
            VaBits::Bits48
        } else {
            VaBits::Bits39
        })
    }

    fn cpus_with(policy: AccessedDirty) -> AArch64 {
        Self::cpus().with_hafdbs(match policy {
            AccessedDirty::Hardware => Hafdbs::FlagAndDirty,
            _ => Hafdbs::Off,
        })
    }

    fn link(word: u64, to: PhysAddr) -> u64 {
        to.get() | word & (0xfff << 51 | 0xfff)
    }

    fn run(cpu: Cpu<'_, AArch64>, root: PhysAddr, asid: Asid) {
        cpu.write_ttbr0(Ttbr::new(asid, root).bits());
        cpu.set_mmu(true);
    }

    fn share(cpu: Cpu<'_, AArch64>, kernel: PhysAddr) {
        cpu.write_ttbr1(Ttbr::new(Asid::new(0), kernel).bits());
    }

    /// What the number stood for goes first, and nothing is cached meanwhile: old and new translations must not be in
    /// reach at once.
    fn switch(cpu: Cpu<'_, AArch64>, root: PhysAddr, asid: Asid, forgets: bool) {
        cpu.set_epd0(true);
        if forgets {
            Self::forget_spaces(cpu);
        }
        Self::run(cpu, root, asid);
        cpu.set_epd0(false);
    }

    fn stop(cpu: Cpu<'_, AArch64>) {
        cpu.set_mmu(false);
    }

    fn is_running(cpu: Cpu<'_, AArch64>) -> bool {
        cpu.mmu()
    }

    fn forget(cpu: Cpu<'_, AArch64>) {
        issue(cpu, [Tlbi::Vmalle1], Cpu::tlbi);
    }

    fn forget_spaces(cpu: Cpu<'_, AArch64>) {
        Self::forget(cpu);
    }

    fn forget_page(cpu: Cpu<'_, AArch64>, vaddr: VirtAddr) {
        let asid = Ttbr::from_bits(cpu.ttbr0()).asid();
        issue(cpu, [Tlbi::Vae1(asid, vaddr)], Cpu::tlbi);
    }

    /// Once for all CPUs.
    fn shoot_all(
        machine: &Machine<AArch64>,
        _cpus: &[usize],
        flush: &Flush<'_>,
        asid: Option<Asid>,
    ) {
        Self::shoot(machine.cpu(0), flush, asid);
    }

    fn shoot(cpu: Cpu<'_, AArch64>, flush: &Flush<'_>, asid: Option<Asid>) {
        let is_few = flush.size().is_some_and(|size| size <= FEW);
        let pages = pages(flush).take_while(|_| is_few);
        match (asid, flush.tables()) {
            (Some(asid), _) if !is_few => issue(cpu, [Tlbi::Aside1(asid)], Cpu::tlbi_is),
            (None, _) if !is_few => issue(cpu, [Tlbi::Vmalle1], Cpu::tlbi_is),
            (Some(asid), true) => {
                issue(cpu, pages.map(|page| Tlbi::Vae1(asid, page)), Cpu::tlbi_is);
            }
            (Some(asid), false) => {
                issue(cpu, pages.map(|page| Tlbi::Vale1(asid, page)), Cpu::tlbi_is);
            }
            (None, true) => issue(cpu, pages.map(Tlbi::Vaae1), Cpu::tlbi_is),
            (None, false) => issue(cpu, pages.map(Tlbi::Vaale1), Cpu::tlbi_is),
        }
    }

    fn tell_all(machine: &Machine<AArch64>, _cpus: &[usize], _made: &Flush<'_>, _: Option<Asid>) {
        machine.cpu(0).dsb_ishst();
    }
}

/// Invalidations between their barriers.
fn issue<'a>(
    cpu: Cpu<'a, AArch64>,
    all: impl IntoIterator<Item = Tlbi>,
    tlbi: impl Fn(&Cpu<'a, AArch64>, Tlbi),
) {
    cpu.dsb_ishst();
    all.into_iter().for_each(|one| tlbi(&cpu, one));
    cpu.dsb_ish();
}
