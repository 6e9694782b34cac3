//! CPUs that translate by a page table: those of the machine, or the mock's own.

use std::cell::RefCell;

use kernel_vm::backend::mock::MockBackend;
use kernel_vm::backend::mock::machine::{Cpu, Privilege};
use kernel_vm::backend::riscv::{Mode, Satp};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{PageTableBackend, Paging};
use kernel_vm::{Access, PhysAddr, VirtAddr};

use super::kernel::{Kernel, Setting};
use super::process::Space;
use crate::tree::edits::Random;

/// A page table, and the CPUs that a program runs on.
pub trait Mmu: Paging<Platform = Kernel> + 'static {
    /// Whether there are tables, in frames of the platform's.
    const HAS_TABLES: bool;

    /// `None` where there is no frame.
    fn make(kernel: &Kernel, setting: Setting) -> Option<Self>;
    /// What a CPU is told that is to run a program there. Another page table has another.
    fn satp(space: &Space<Self>) -> u64;
    fn run_on(kernel: &Kernel, cpu: usize, satp: u64);
    /// A program loads the word at `vaddr`; `None` is a fault. The machine's CPUs do so, too, while a verb has the
    /// space to itself.
    fn load(
        space: &RefCell<Space<Self>>,
        kernel: &Kernel,
        cpu: usize,
        vaddr: VirtAddr,
    ) -> Option<u64>;
    fn store(
        space: &RefCell<Space<Self>>,
        kernel: &Kernel,
        cpu: usize,
        vaddr: VirtAddr,
        word: u64,
    ) -> Option<()>;
    /// Whether a CPU that runs the program could do this access, by whatever it has cached. Asked in the middle of a
    /// verb, where only the machine can say.
    fn could(kernel: &Kernel, cpu: usize, vaddr: VirtAddr, access: Access) -> bool;
    /// Lets some race soon be lost, where that can be ordered.
    fn disturb(&self, _rng: &mut Random) {}
    /// Lets none be lost: there is nobody to lose to.
    fn calm(&self) {}
}

impl Mmu for Sv39<Kernel> {
    const HAS_TABLES: bool = true;

    fn make(kernel: &Kernel, setting: Setting) -> Option<Self> {
        Self::with_features(kernel.clone(), setting.radix()).ok()
    }

    fn satp(space: &Space<Self>) -> u64 {
        Satp::new(Mode::Sv39, space.asid(), space.root_page_table()).bits()
    }

    fn run_on(kernel: &Kernel, cpu: usize, satp: u64) {
        kernel.switch(cpu, satp);
        let cpu = kernel.0.machine.cpu(cpu);
        cpu.set_privilege(Privilege::User);
    }

    fn load(
        _space: &RefCell<Space<Self>>,
        kernel: &Kernel,
        cpu: usize,
        vaddr: VirtAddr,
    ) -> Option<u64> {
        kernel.0.machine.cpu(cpu).load_u64(vaddr).ok()
    }

    fn store(
        _space: &RefCell<Space<Self>>,
        kernel: &Kernel,
        cpu: usize,
        vaddr: VirtAddr,
        word: u64,
    ) -> Option<()> {
        kernel.0.machine.cpu(cpu).store_u64(vaddr, word).ok()
    }

    fn could(kernel: &Kernel, cpu: usize, vaddr: VirtAddr, access: Access) -> bool {
        let outcomes = kernel.0.machine.cpu(cpu).outcomes(vaddr, access);
        outcomes.iter().any(Result::is_ok)
    }
}

/// A CPU that translates nothing, and an address for it.
fn physical(kernel: &Kernel, at: PhysAddr) -> (Cpu<'_>, VirtAddr) {
    let at = VirtAddr::new(usize::try_from(at.get()).unwrap());
    (kernel.0.machine.cpu(usize::MAX), at)
}

impl Mmu for MockBackend<Kernel> {
    const HAS_TABLES: bool = false;

    fn make(kernel: &Kernel, _setting: Setting) -> Option<Self> {
        Some(Self::with_platform(kernel.clone()))
    }

    /// In Bare mode: the machine's CPUs translate nothing.
    fn satp(space: &Space<Self>) -> u64 {
        space.backend().root().get() >> 12
    }

    fn run_on(kernel: &Kernel, cpu: usize, satp: u64) {
        kernel.switch(cpu, satp);
    }

    fn load(
        space: &RefCell<Space<Self>>,
        kernel: &Kernel,
        cpu: usize,
        vaddr: VirtAddr,
    ) -> Option<u64> {
        let space = space.try_borrow().ok()?;
        let at = space.backend().access(cpu, vaddr, Access::Read).ok()?;
        let (cpu, at) = physical(kernel, at);
        Some(cpu.load_u64(at).unwrap())
    }

    fn store(
        space: &RefCell<Space<Self>>,
        kernel: &Kernel,
        cpu: usize,
        vaddr: VirtAddr,
        word: u64,
    ) -> Option<()> {
        let space = space.try_borrow().ok()?;
        let at = space.backend().access(cpu, vaddr, Access::Write).ok()?;
        let (cpu, at) = physical(kernel, at);
        cpu.store_u64(at, word).unwrap();
        Some(())
    }

    fn could(_kernel: &Kernel, _cpu: usize, _vaddr: VirtAddr, _access: Access) -> bool {
        false
    }

    fn disturb(&self, rng: &mut Random) {
        self.lose_race(rng.below(8));
    }

    fn calm(&self) {
        self.lose_race(0);
    }
}
