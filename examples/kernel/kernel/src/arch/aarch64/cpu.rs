//! A CPU: TPIDR_EL1 points to what it keeps.

use core::arch::asm;

use super::system::read;
use super::{boot, gic, identify, manual, psci, trap};
use crate::cpus::Cpu;

/// TPIDR_EL1 is all that there is.
#[derive(Debug)]
pub struct Own;

impl Own {
    pub const fn new() -> Self {
        Self
    }
}

pub fn set_this(cpu: &'static Cpu) {
    let addr = (&raw const *cpu).expose_provenance();
    // SAFETY: compiled code and our own assembly leave the register alone, and programs cannot reach it.
    unsafe { asm!("msr tpidr_el1, {}", in(reg) addr, options(nomem, nostack, preserves_flags)) };
}

#[inline]
pub fn this() -> *const Cpu {
    let addr = read!("tpidr_el1");
    core::ptr::with_exposed_provenance(addr as usize)
}

/// Closes user pages to the kernel, where this CPU can (FEAT_PAN): now, and at each trap (SCTLR_EL1.SPAN).
fn close_user_pages() {
    if !identify::has_pan() {
        return;
    }
    // SAFETY: no page that the kernel uses is a user page.
    unsafe {
        asm!(
            "mrs {all}, sctlr_el1",
            "bic {all}, {all}, {span}",
            "msr sctlr_el1, {all}",
            "isb",
            all = out(reg) _,
            span = const 1 << 23,
            options(nostack, preserves_flags),
        );
    }
    manual::set_pan();
}

pub fn init(is_first: bool) {
    trap::init();
    close_user_pages();
    gic::init(is_first);
}

pub fn start_cpu(id: usize) -> bool {
    psci::start_cpu(id, boot::other_entry())
}
