//! What is RISC-V's: entries, the `satp` register and its fences.

#[cfg(any(target_arch = "riscv64", doc))]
mod csr;
mod satp;
mod word;

#[cfg(any(target_arch = "riscv64", doc))]
pub use csr::{
    activate, current, probe_asid_bits, sfence_vma, sfence_vma_addr, sfence_vma_all,
    sfence_vma_asid,
};
pub use satp::{Mode, Satp};
pub(super) use word::Riscv;
