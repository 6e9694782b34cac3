//! Every way in which CPUs can meet, up to a few preemptions, in the ASID allocator and in the lock for spaces. Only
//! with `RUSTFLAGS="--cfg loom" cargo test --release --test loom`.
#![cfg(loom)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails should stop where it fails"
)]

mod asids;
mod lock;
