//! Proofs that somebody else's code takes part in: the same steps as in the crate's own tests, with a peer who looks.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should stop where it fails"
)]

mod aarch64;
mod aarch64_machine;
mod radix;
mod random_edits;
#[expect(dead_code, reason = "other tests ask for more")]
#[path = "../../../tests/it/subject.rs"]
mod subject;
mod tree;
mod x86_64;
mod x86_64_machine;
