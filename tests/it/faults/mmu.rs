//! CPUs that translate by a page table: those of the machine, or the mock's own.

use kernel_vm::backend::Paging;
use kernel_vm::backend::mock::MockBackend;
use kernel_vm::backend::mock::machine::{Cpu, Privilege};
use kernel_vm::backend::riscv::{Mode, Satp};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{Access, PhysAddr, VirtAddr};

use super::kernel::{Kernel, Setting};
use super::process::{CPUS, Space};
use crate::tree::edits::Random;

/// A page table, and the CPUs that a program runs on.
pub trait Mmu: Paging<Platform = Kernel> {
    /// Whether there are tables, in frames of the platform's.
    const HAS_TABLES: bool;

    fn make(kernel: &Kernel, setting: Setting) -> Self;
    fn start(kernel: &Kernel, space: &Space<Self>);
    fn stop(kernel: &Kernel);
    /// A program loads the word at `vaddr`; `None` is a fault.
    fn load(space: &Space<Self>, kernel: &Kernel, cpu: usize, vaddr: VirtAddr) -> Option<u64>;
    fn store(
        space: &Space<Self>,
        kernel: &Kernel,
        cpu: usize,
        vaddr: VirtAddr,
        word: u64,
    ) -> Option<()>;
    /// Lets some race soon be lost, where that can be ordered.
    fn disturb(&self, _rng: &mut Random) {}
}

impl Mmu for Sv39<Kernel> {
    const HAS_TABLES: bool = true;

    fn make(kernel: &Kernel, setting: Setting) -> Self {
        Self::with_features(kernel.clone(), setting.radix()).unwrap()
    }

    fn start(kernel: &Kernel, space: &Space<Self>) {
        let satp = Satp::new(Mode::Sv39, space.asid(), space.root_page_table());
        for number in 0..CPUS {
            let cpu = kernel.0.machine.cpu(number);
            cpu.write_satp(satp.bits());
            cpu.set_privilege(Privilege::User);
        }
    }

    fn stop(kernel: &Kernel) {
        (0..CPUS).for_each(|cpu| kernel.0.machine.cpu(cpu).write_satp(0));
    }

    fn load(_space: &Space<Self>, kernel: &Kernel, cpu: usize, vaddr: VirtAddr) -> Option<u64> {
        kernel.0.machine.cpu(cpu).load_u64(vaddr).ok()
    }

    fn store(
        _space: &Space<Self>,
        kernel: &Kernel,
        cpu: usize,
        vaddr: VirtAddr,
        word: u64,
    ) -> Option<()> {
        kernel.0.machine.cpu(cpu).store_u64(vaddr, word).ok()
    }
}

/// A CPU that translates nothing, and an address for it.
fn physical(kernel: &Kernel, at: PhysAddr) -> (Cpu<'_>, VirtAddr) {
    let at = VirtAddr::new(usize::try_from(at.get()).unwrap());
    (kernel.0.machine.cpu(usize::MAX), at)
}

impl Mmu for MockBackend<Kernel> {
    const HAS_TABLES: bool = false;

    fn make(kernel: &Kernel, _setting: Setting) -> Self {
        Self::with_platform(kernel.clone())
    }

    fn start(_kernel: &Kernel, _space: &Space<Self>) {}

    fn stop(_kernel: &Kernel) {}

    fn load(space: &Space<Self>, kernel: &Kernel, cpu: usize, vaddr: VirtAddr) -> Option<u64> {
        let at = space.backend().access(cpu, vaddr, Access::Read).ok()?;
        let (cpu, at) = physical(kernel, at);
        Some(cpu.load_u64(at).unwrap())
    }

    fn store(
        space: &Space<Self>,
        kernel: &Kernel,
        cpu: usize,
        vaddr: VirtAddr,
        word: u64,
    ) -> Option<()> {
        let at = space.backend().access(cpu, vaddr, Access::Write).ok()?;
        let (cpu, at) = physical(kernel, at);
        cpu.store_u64(at, word).unwrap();
        Some(())
    }

    fn disturb(&self, rng: &mut Random) {
        self.lose_race(rng.below(8));
    }
}
