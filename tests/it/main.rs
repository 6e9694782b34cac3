//! The proofs: one crate, so that it links once.
//!
//! Two configurations build and run in less time, for `.ci/mutants`, `.ci/sanitize` and the small nodes of `.ci/run`.
//! With `kernel_vm_few_formats`, most tests that run on each format do so on two. `kernel_vm_quick` leaves out the slow
//! tests.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should stop where it fails"
)]
#![cfg_attr(
    any(kernel_vm_few_formats, kernel_vm_quick),
    allow(unused_imports, dead_code, reason = "some who need these are left out")
)]

mod aarch64;
mod asid;
mod bytes;
#[cfg(not(kernel_vm_quick))]
mod concurrent;
#[cfg(not(kernel_vm_quick))]
mod contract;
mod counted;
mod cpu;
mod failure;
mod faults;
mod flush;
mod fork;
mod handing_on;
mod host_frames;
#[cfg(all(target_os = "linux", not(kernel_vm_quick)))]
mod linux;
mod lock;
mod machine;
mod mapping;
mod mock;
mod model;
mod neighbours;
mod nonsense;
mod ops;
#[cfg(not(kernel_vm_quick))]
mod panics;
mod payload;
mod properties;
mod radix;
mod readme;
mod room;
mod satp;
mod subject;
mod sv39;
#[cfg(not(kernel_vm_quick))]
mod testing;
#[cfg(not(kernel_vm_quick))]
mod thrift;
#[cfg(not(kernel_vm_quick))]
mod traces;
mod tree;
mod values;
mod x86_64;
