//! The software MMU: what the manual says, rule by rule, and TLBs that do the worst.
//!
//! `.ci/mutants` builds all of this again for each mutant: what takes long to build is left out there.

mod aarch64;
mod agree;
mod fences;
mod junk;
pub mod mmu;
#[cfg(not(kernel_vm_mutants))]
mod modes;
mod needed;
mod one_hart;
mod rules;
#[cfg(not(kernel_vm_mutants))]
mod sequences;
mod stale;
#[cfg(not(kernel_vm_mutants))]
mod subject;
mod tables;
#[cfg(not(kernel_vm_mutants))]
mod threads;
#[cfg(not(kernel_vm_mutants))]
mod world;
#[cfg(not(kernel_vm_mutants))]
mod worlds;
mod x86_64;
