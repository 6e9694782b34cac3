//! Sv39, Sv48 and Sv57, and a RISC-V kernel.

use kernel_vm::backend::mock::machine::{Cpu, Extensions, RiscV};
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::riscv::{Mode, Satp};
use kernel_vm::backend::{sv39::Sv39Format, sv48::Sv48Format, sv57::Sv57Format};
use kernel_vm::{Asid, Flush, PhysAddr, VirtAddr};

use super::{FEW, Mmu, pages};

macro_rules! riscv {
    ($format:ty, $mode:expr, $name:literal) => {
        impl Mmu for $format {
            type Cpus = RiscV;
            const NAME: &'static str = $name;
            const REMEMBERS_FAULTS: bool = true;
            const PAGES_SPARE_POINTERS: bool = true;

            fn cpus() -> RiscV {
                RiscV::new(Extensions::new())
            }

            fn cpus_with(policy: AccessedDirty) -> RiscV {
                let svadu = policy == AccessedDirty::Hardware;
                RiscV::new(Extensions::new().with_svadu(svadu))
            }

            fn link(word: u64, to: PhysAddr) -> u64 {
                to.get() >> 12 << 10 | word & 0x3ff
            }

            fn run(cpu: Cpu<'_>, root: PhysAddr, asid: Asid) {
                cpu.write_satp(Satp::new($mode, asid, root).bits());
            }

            fn stop(cpu: Cpu<'_>) {
                cpu.write_satp(Satp::BARE.bits());
            }

            fn is_running(cpu: Cpu<'_>) -> bool {
                cpu.satp() != Satp::BARE.bits()
            }

            fn forget(cpu: Cpu<'_>) {
                cpu.sfence_vma(None, None);
            }

            fn forget_spaces(cpu: Cpu<'_>) {
                cpu.sfence_vma(None, None);
            }

            fn forget_page(cpu: Cpu<'_>, vaddr: VirtAddr) {
                cpu.sfence_vma(Some(vaddr), None);
            }

            fn shoot(cpu: Cpu<'_>, flush: &Flush<'_>, asid: Option<Asid>) {
                shoot(cpu, flush, asid);
            }
        }
    };
}

riscv!(Sv39Format, Mode::Sv39, "Sv39");
riscv!(Sv48Format, Mode::Sv48, "Sv48");
riscv!(Sv57Format, Mode::Sv57, "Sv57");

/// Page by page where that does: where pages are few, no tables are concerned, and the CPU runs in a mode in which they
/// are canonical.
fn shoot(cpu: Cpu<'_>, flush: &Flush<'_>, asid: Option<Asid>) {
    let mode = Satp::from_bits(cpu.satp()).mode();
    let reaches = |addr| mode.is_some_and(|mode| mode.is_canonical(addr));
    match flush.page_by_page(FEW, reaches) {
        Some(_) => pages(flush).for_each(|page| cpu.sfence_vma(Some(page), asid)),
        None => cpu.sfence_vma(None, asid),
    }
}
