//! A machine in software: CPUs with page-table walkers and TLBs that do the worst that the manual allows.
//!
//! A forgotten flush is seldom seen on hardware, and never in an emulator that caches little. A [`Machine`] reads the
//! page tables in its [`HostFrames`](super::HostFrames) as the manual of its [`Architecture`] says. It does so with
//! code of its own: none of the walker's is trusted, and no constant of a format is used.
//!
//! Each [`Cpu`] caches whatever it may: any entry that it could walk to at any moment, pointers to tables included, and
//! on RISC-V entries that are not valid. It keeps an entry until a fence that names it, or forgets it by chance. Where
//! more than one entry could answer an access, the CPU takes a stale one rather than a fresh one, or asks its seed.
//!
//! The machine is a platform: it hands out frames, and its [`Tlb`](crate::Tlb) hooks fence the CPUs that may have
//! cached something, as a kernel's would. [`Machine::stale`] says whether any CPU has cached an entry that is no longer
//! so, and [`Machine::skip`] forgets a flush on purpose, to see that a test notices. Where an entry must be broken
//! before another is made (Arm), [`Machine::conflict`] says whether one was not.
//!
//! The machine has no hypervisor and no instruction caches. Accesses need no alignment.
//!
//! # From an access to memory
//! 1. A moment passes: every CPU may walk for some address and cache the entries on the way (`speculate`).
//! 2. The CPU picks a cached entry to begin with, or the root, and walks on to a leaf (`translate`, `memory`).
//! 3. The leaf allows the access, or there is a trap (`rules`, `trap`). Marks are set where the hardware sets them.
//! 4. The bytes are loaded or stored (`bytes`, `data`).
//!
//! `tlb` keeps the cached entries, `state` fences them, and `oracle` compares them with a fresh walk, as `conflict`
//! does for entries that must be broken first. `rules` is what architectures differ in; each has a folder.

mod aarch64;
mod bytes;
mod calls;
mod conflict;
mod cpu;
mod data;
mod handle;
mod memory;
mod oracle;
mod platform;
mod privilege;
mod riscv;
mod rules;
mod speculate;
mod stale;
mod state;
mod tlb;
mod translate;
mod trap;
mod x86_64;

pub use aarch64::{AArch64, Abort, Fault, Hafdbs, Tlbi, VaBits};
pub use calls::Call;
pub use conflict::Conflict;
pub use cpu::{Cpu, Look};
pub use handle::Machine;
pub use privilege::Privilege;
pub use riscv::{Cause, Extensions, RiscV};
pub use rules::Architecture;
pub use stale::Stale;
pub use trap::Trap;
pub use x86_64::{ErrorCode, Exception, Invalidate, Levels, X86_64};
