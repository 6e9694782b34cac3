//! The proofs: one crate, so that it links once.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should stop where it fails"
)]

mod aarch64;
mod asid;
mod bytes;
mod concurrent;
mod contract;
mod counted;
mod cpu;
mod failure;
mod faults;
mod flush;
mod fork;
mod host_frames;
#[cfg(target_os = "linux")]
mod linux;
mod lock;
mod machine;
mod mapping;
mod mock;
mod model;
mod neighbours;
mod nonsense;
mod ops;
mod panics;
mod payload;
mod properties;
mod radix;
mod readme;
mod room;
mod satp;
mod subject;
mod sv39;
mod testing;
mod thrift;
mod traces;
mod tree;
mod values;
mod x86_64;
