//! x86-64 with four levels and five, and a kernel that has PCIDs, SMEP, SMAP and global pages.

use kernel_vm::backend::mock::machine::{Cpu, Invalidate, Levels, X86_64};
use kernel_vm::backend::x86_64::{Cr3, X86_64Format};
use kernel_vm::{Asid, Flush, PhysAddr, VirtAddr};

use super::{FEW, Mmu, pages};

impl<const L: usize> Mmu for X86_64Format<L> {
    type Cpus = X86_64;
    const NAME: &'static str = if L == 4 { "x86-64" } else { "x86-64 with LA57" };
    const REMEMBERS_FAULTS: bool = false;
    const PAGES_SPARE_POINTERS: bool = false;

    fn cpus() -> X86_64 {
        let levels = if L == 4 { Levels::Four } else { Levels::Five };
        X86_64::new().with_levels(levels)
    }

    fn link(word: u64, to: PhysAddr) -> u64 {
        to.get() | word & (1 << 63 | 0xfff)
    }

    /// As a kernel that trusts its shootdowns: bit 63 keeps what is cached under the PCID.
    fn run(cpu: Cpu<'_, X86_64>, root: PhysAddr, asid: Asid) {
        if !cpu.paging() {
            set_up(cpu, root);
        }
        cpu.write_cr3(Cr3::new(asid, root).keeping().bits());
    }

    fn stop(cpu: Cpu<'_, X86_64>) {
        cpu.set_paging(false);
    }

    fn is_running(cpu: Cpu<'_, X86_64>) -> bool {
        cpu.paging()
    }

    fn forget(cpu: Cpu<'_, X86_64>) {
        cpu.invpcid(Invalidate::Everything);
    }

    fn forget_spaces(cpu: Cpu<'_, X86_64>) {
        cpu.invpcid(Invalidate::Spaces);
    }

    fn forget_page(cpu: Cpu<'_, X86_64>, vaddr: VirtAddr) {
        cpu.invlpg(vaddr);
    }

    fn shoot(cpu: Cpu<'_, X86_64>, flush: &Flush<'_>, asid: Option<Asid>) {
        let is_few = flush.size().is_some_and(|size| size <= FEW);
        let current = Cr3::from_bits(cpu.cr3()).pcid();
        match asid {
            None if is_few && !flush.tables() => pages(flush).for_each(|page| cpu.invlpg(page)),
            None => cpu.invpcid(Invalidate::Everything),
            Some(asid) if is_few && asid == current => {
                pages(flush).for_each(|page| cpu.invlpg(page));
            }
            Some(asid) if is_few && !flush.tables() => {
                pages(flush).for_each(|page| cpu.invpcid(Invalidate::Page(asid, page)));
            }
            Some(asid) => cpu.invpcid(Invalidate::Space(asid)),
        }
    }
}

/// The flags that a kernel sets before it turns paging on.
fn set_up(cpu: Cpu<'_, X86_64>, root: PhysAddr) {
    cpu.set_wp(true);
    cpu.set_pge(true);
    cpu.set_smep(true);
    cpu.set_smap(true);
    cpu.write_cr3(root.get());
    cpu.set_pcide(true);
    cpu.set_paging(true);
}
