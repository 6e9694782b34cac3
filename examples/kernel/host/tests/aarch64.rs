//! The kernel for AArch64: its platform, payload, lock and fault handler.
#![allow(dead_code, reason = "a part of the kernel, which has more uses for it")]

extern crate alloc;

#[path = "aarch64/mod.rs"]
mod arch;

include!("common/kernel.rs");
