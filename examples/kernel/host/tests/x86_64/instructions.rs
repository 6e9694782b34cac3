//! The instructions that flushes are made of, on the CPU that this thread is.

use kernel_vm::VirtAddr;
pub use kernel_vm::backend::mock::machine::Invalidate;
use kernel_vm::backend::x86_64::Cr3;

use super::cpu::with;

/// # Safety
/// None is needed: the CPU runs no code.
pub unsafe fn activate(cr3: Cr3) {
    with(|cpu| {
        if cr3.bits() == 0 {
            // A CPU that has left every space is told to forget the one that it is in.
            return;
        }
        if !cpu.paging() {
            // As boot.S and the kernel set them.
            cpu.set_wp(true);
            cpu.set_pge(true);
            cpu.set_smep(true);
            cpu.set_smap(true);
            cpu.write_cr3(cr3.root().get());
            cpu.set_pcide(crate::PCIDS);
            cpu.set_paging(true);
        }
        cpu.write_cr3(cr3.bits());
    });
}

pub fn current() -> Cr3 {
    with(|cpu| Cr3::from_bits(cpu.cr3()))
}

pub fn invlpg(page: VirtAddr) {
    with(|cpu| cpu.invlpg(page));
}

pub fn invpcid(what: Invalidate) {
    with(|cpu| cpu.invpcid(what));
}

/// CR4.PGE is cleared and set: that forgets everything.
pub fn toggle_global() {
    with(|cpu| {
        cpu.set_pge(false);
        cpu.set_pge(true);
    });
}
