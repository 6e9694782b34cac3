//! A space without a lock, and under those that are compared.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::lock::PerCpuRwLock;
use kernel_vm::{Flush, PhysAddr, Tlb, VirtAddr, VirtualMemoryManager};

use super::CPU;

/// A space whose platform knows which CPU it runs on, as a kernel's does, or guesses.
pub(crate) type Space<T = Knows> = VirtualMemoryManager<Sv39<(HostFrames, T)>>;

pub(crate) struct Knows;

impl Tlb for Knows {
    fn flush(&self, _flush: &Flush<'_>) {}

    #[inline]
    fn cpu(&self) -> usize {
        CPU.get()
    }
}

/// How a reader comes to a space.
pub(crate) trait Look: Sync {
    fn translate(&self, cpu: usize, addr: VirtAddr) -> Option<PhysAddr>;
}

/// A space that nobody changes.
pub(crate) struct Bare<T: Tlb>(pub(crate) Space<T>);

impl<T: Tlb + Sync> Look for Bare<T> {
    #[inline]
    fn translate(&self, _cpu: usize, addr: VirtAddr) -> Option<PhysAddr> {
        self.0.translate_vaddr(addr)
    }
}

impl<const CPUS: usize> Look for PerCpuRwLock<Space, CPUS> {
    #[inline]
    fn translate(&self, cpu: usize, addr: VirtAddr) -> Option<PhysAddr> {
        self.read(cpu).translate_vaddr(addr)
    }
}

impl Look for spin::RwLock<Space> {
    #[inline]
    fn translate(&self, _cpu: usize, addr: VirtAddr) -> Option<PhysAddr> {
        self.read().translate_vaddr(addr)
    }
}
