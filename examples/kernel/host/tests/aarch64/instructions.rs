//! The instructions that flushes are made of, on the CPU that this thread is.

use kernel_vm::backend::aarch64::Ttbr;
use kernel_vm::backend::mock::machine::Tlbi;
use kernel_vm::{Asid, VirtAddr};

use super::cpu::with;

/// As `kernel_vm::backend::aarch64` has it, where it is compiled for AArch64.
#[derive(Clone, Copy, Debug)]
pub enum Invalidate {
    Leaf(Asid, VirtAddr),
    Page(Asid, VirtAddr),
    LeafOfAll(VirtAddr),
    PageOfAll(VirtAddr),
    Space(Asid),
    Everything,
}

/// The same.
#[derive(Clone, Copy, Debug)]
pub enum Cpus {
    This,
    All,
}

/// # Safety
/// None is needed: the CPU runs no code.
pub unsafe fn activate(ttbr: Ttbr) {
    with(|cpu| {
        cpu.write_ttbr0(ttbr.bits());
        cpu.set_mmu(true);
    });
}

pub fn current() -> Ttbr {
    with(|cpu| Ttbr::from_bits(cpu.ttbr0()))
}

pub fn current_kernel() -> Ttbr {
    with(|cpu| Ttbr::from_bits(cpu.ttbr1()))
}

pub fn tlbi(what: Invalidate, cpus: Cpus) {
    let what = match what {
        Invalidate::Leaf(asid, page) => Tlbi::Vale1(asid, page),
        Invalidate::Page(asid, page) => Tlbi::Vae1(asid, page),
        Invalidate::LeafOfAll(page) => Tlbi::Vaale1(page),
        Invalidate::PageOfAll(page) => Tlbi::Vaae1(page),
        Invalidate::Space(asid) => Tlbi::Aside1(asid),
        Invalidate::Everything => Tlbi::Vmalle1,
    };
    with(|cpu| match cpus {
        Cpus::This => cpu.tlbi(what),
        Cpus::All => cpu.tlbi_is(what),
    });
}

pub fn dsb_ishst() {
    with(|cpu| cpu.dsb_ishst());
}

pub fn dsb_ish() {
    with(|cpu| cpu.dsb_ish());
}

/// The machine has one barrier for what this CPU has ordered.
pub fn dsb_nsh() {
    dsb_ish();
}

pub fn isb() {}
