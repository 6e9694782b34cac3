//! CPUs that use the pages, and cache the worst that their manuals allow.

use kernel_vm::backend::aarch64::{Aarch64Format, Ttbr};
use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::mock::machine::{
    AArch64, Architecture, Call, Cpu, Extensions, Machine, Privilege, RiscV, Tlbi, X86_64,
};
use kernel_vm::backend::radix::Format;
use kernel_vm::backend::riscv::{Mode, Satp};
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::x86_64::{Cr3, X86_64Format};
use kernel_vm::testing::Broken;
use kernel_vm::{Access, Asid, PhysAddr, VirtAddr};

use super::radix::Memory;

/// The CPUs of a machine.
const CPUS: usize = 4;

const LAW: &str = "no CPU has cached what is no longer so";

/// A format that the machine has CPUs for.
pub(crate) trait Mmu: Format {
    type Cpus: Architecture;

    /// Whether a CPU may fault once where an entry allows more than it did: the kernel lets it forget the page then,
    /// and other CPUs are not told.
    const FAULTS_ONCE: bool;

    fn cpus() -> Self::Cpus;

    /// The CPU goes on in the space with this root.
    fn run(cpu: Cpu<'_, Self::Cpus>, root: PhysAddr, asid: Asid);

    /// The CPU forgets a page of the space that it runs.
    fn forget(cpu: Cpu<'_, Self::Cpus>, page: VirtAddr);
}

impl Mmu for Sv39Format {
    type Cpus = RiscV;
    const FAULTS_ONCE: bool = false;

    fn cpus() -> RiscV {
        RiscV::new(Extensions::new())
    }

    fn run(cpu: Cpu<'_>, root: PhysAddr, asid: Asid) {
        cpu.write_satp(Satp::new(Mode::Sv39, asid, root).bits());
    }

    fn forget(cpu: Cpu<'_>, page: VirtAddr) {
        cpu.sfence_vma(Some(page), None);
    }
}

impl Mmu for X86_64Format<4> {
    type Cpus = X86_64;
    const FAULTS_ONCE: bool = true;

    fn cpus() -> X86_64 {
        X86_64::new()
    }

    fn run(cpu: Cpu<'_, X86_64>, root: PhysAddr, asid: Asid) {
        cpu.set_wp(true);
        cpu.write_cr3(root.get());
        cpu.set_pcide(true);
        cpu.set_paging(true);
        cpu.write_cr3(Cr3::new(asid, root).keeping().bits());
    }

    fn forget(cpu: Cpu<'_, X86_64>, page: VirtAddr) {
        cpu.invlpg(page);
    }
}

impl Mmu for Aarch64Format<4> {
    type Cpus = AArch64;
    const FAULTS_ONCE: bool = true;

    fn cpus() -> AArch64 {
        AArch64::new()
    }

    fn run(cpu: Cpu<'_, AArch64>, root: PhysAddr, asid: Asid) {
        cpu.write_ttbr0(Ttbr::new(asid, root).bits());
        cpu.set_mmu(true);
    }

    fn forget(cpu: Cpu<'_, AArch64>, page: VirtAddr) {
        let asid = Ttbr::from_bits(cpu.ttbr0()).asid();
        cpu.tlbi(Tlbi::Vae1(asid, page));
        cpu.dsb_ish();
    }
}

impl<F: Mmu> Memory<F> for Machine<F::Cpus> {
    #[expect(unsafe_code, reason = "its CPUs could write memory")]
    fn over(frames: HostFrames, seed: u64) -> Self {
        // SAFETY: the CPUs translate, and store nothing. Frames are reached by the crate's page tables alone.
        unsafe { Self::with_architecture(frames, seed, F::cpus()) }
    }

    fn frames(&self) -> &HostFrames {
        Self::frames(self)
    }

    fn start(&self, root: PhysAddr, asid: Asid) {
        for number in 0..CPUS {
            let cpu = self.cpu(number);
            F::run(cpu, root, asid);
            self.cpu(number).set_privilege(Privilege::User);
        }
    }

    fn warm(&self, number: usize, at: VirtAddr) {
        self.cpu(number % CPUS).prefetch(at);
    }

    fn access(&self, number: usize, at: VirtAddr, access: Access) -> Option<Option<PhysAddr>> {
        let number = number % CPUS;
        let first = self.cpu(number).translate(at, access).ok();
        if first.is_some() || !F::FAULTS_ONCE {
            return Some(first);
        }
        F::forget(self.cpu(number), at);
        Some(self.cpu(number).translate(at, access).ok())
    }

    fn wrong(&self, at: VirtAddr, waits: bool) -> Result<(), Broken> {
        if let Some(conflict) = self.conflict() {
            let law = "an entry is broken and flushed before another takes its place";
            return Err(Broken::new(law, conflict.to_string()));
        }
        if waits {
            return self.freed(at);
        }
        let stale = self.stale();
        let stale = stale.filter(|stale| !F::FAULTS_ONCE || !stale.is_spurious);
        stale.map_or(Ok(()), |stale| Err(Broken::new(LAW, stale.to_string())))
    }

    fn lose_flush(&self) {
        self.skip(Call::Flush, 1);
    }
}

/// What a machine is asked while deferred verbs wait.
trait Freed {
    /// Whether no way to `at` that some CPU has cached leads through a frame that was given back.
    fn freed(&self, at: VirtAddr) -> Result<(), Broken>;
}

impl<A: Architecture> Freed for Machine<A> {
    fn freed(&self, at: VirtAddr) -> Result<(), Broken> {
        let ways = (0..CPUS).flat_map(|cpu| self.cpu(cpu).outcomes(at, Access::Read));
        let freed = ways.filter_map(Result::err).find_map(|trap| trap.freed);
        freed.map_or(Ok(()), |_| {
            let found = format!("a way to {at} leads through a freed frame");
            Err(Broken::new(LAW, found))
        })
    }
}
