//! The kernel for x86-64, with the PCIDs that QEMU does not have: its platform, payload, lock and fault handler.
#![allow(dead_code, reason = "a part of the kernel, which has more uses for it")]

extern crate alloc;

#[path = "x86_64/mod.rs"]
mod arch;

/// Whether its CPUs have PCIDs.
const PCIDS: bool = true;

include!("common/kernel.rs");
