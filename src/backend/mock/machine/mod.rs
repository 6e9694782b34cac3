//! A machine in software: CPUs with page-table walkers and TLBs that do the worst that the manual allows.
//!
//! A forgotten flush is seldom seen on hardware, and never in an emulator that caches little. A [`Machine`] reads the
//! page tables in its [`HostFrames`](super::HostFrames) as the RISC-V Privileged Architecture says ('Virtual Address
//! Translation Process'), with code of its own, and each of its [`Cpu`]s caches whatever it may: any translation that
//! it could walk to at any moment, pointers to tables and entries that are not valid included. It keeps them until a
//! fence that names them, or forgets one by chance. Where more than one thing could answer an access, it takes a stale
//! one rather than a fresh one, or asks its seed.
//!
//! The machine is a platform: it hands out frames, and its [`Tlb`](crate::Tlb) hooks fence the CPUs that may have
//! cached something, as a kernel's would. [`Machine::stale`] says whether any CPU has cached what is no longer so, and
//! [`Machine::skip`] forgets a flush on purpose, to see that a test notices.
//!
//! Chapters and their names are those of the manual's volume II. What the machine does not have: Svnapot, a
//! hypervisor, M-mode and its PMP; instruction caches. Accesses need no alignment.

mod bytes;
mod calls;
mod cpu;
mod data;
mod extensions;
mod handle;
mod memory;
mod oracle;
mod platform;
mod pte;
mod satp;
mod speculate;
mod stale;
mod state;
mod status;
mod tlb;
mod translate;
mod trap;

pub use calls::Call;
pub use cpu::{Cpu, Look};
pub use extensions::Extensions;
pub use handle::Machine;
pub use stale::Stale;
pub use status::Privilege;
pub use trap::{Cause, Trap};
