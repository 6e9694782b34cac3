//! RISC-V: entries, the `satp` register and its fences.

#[cfg(any(target_arch = "riscv64", doc))]
mod csr;
mod mode;
mod satp;
mod word;

#[cfg(any(target_arch = "riscv64", doc))]
pub use csr::{
    activate, current, probe_asid_bits, sfence_vma, sfence_vma_addr, sfence_vma_all,
    sfence_vma_asid,
};
pub use mode::Mode;
pub use satp::Satp;
pub(super) use word::Riscv;
