//! The software MMU: what the manual says, rule by rule, and TLBs that do the worst.

mod aarch64;
mod agree;
mod fences;
mod junk;
pub mod mmu;
#[cfg(not(kernel_vm_quick))]
mod modes;
#[cfg(not(kernel_vm_quick))]
mod needed;
mod one_hart;
mod rules;
#[cfg(not(kernel_vm_quick))]
mod sequences;
#[cfg(not(kernel_vm_quick))]
mod stale;
#[cfg(not(kernel_vm_quick))]
mod subject;
mod tables;
#[cfg(not(kernel_vm_quick))]
mod threads;
#[cfg(not(kernel_vm_quick))]
mod world;
#[cfg(not(kernel_vm_quick))]
mod worlds;
mod x86_64;
