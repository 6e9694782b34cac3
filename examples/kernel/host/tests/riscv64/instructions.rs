//! The instructions that flushes are made of, on the hart that this thread is.

use kernel_vm::backend::riscv::Satp;
use kernel_vm::{Asid, VirtAddr};

use super::cpu::with;

/// # Safety
/// None is needed: the hart runs no code.
pub unsafe fn activate(satp: Satp) {
    with(|hart| hart.write_satp(satp.bits()));
}

pub fn current() -> Satp {
    with(|hart| Satp::from_bits(hart.satp()))
}

/// # Safety
/// None is needed: the hart runs no code.
pub unsafe fn probe_asid_bits() -> u32 {
    16
}

pub fn sfence_vma_all() {
    with(|hart| hart.sfence_vma(None, None));
}

pub fn sfence_vma_addr(addr: VirtAddr) {
    with(|hart| hart.sfence_vma(Some(addr), None));
}

pub fn sfence_vma_asid(asid: Asid) {
    with(|hart| hart.sfence_vma(None, Some(asid)));
}

pub fn sfence_vma(addr: VirtAddr, asid: Asid) {
    with(|hart| hart.sfence_vma(Some(addr), Some(asid)));
}
