//! The page tables of all formats under random edits, read by somebody else's code.

mod reader;
#[path = "../../../../tests/it/radix/sequences.rs"]
mod sequences;
#[expect(dead_code, reason = "other tests ask for more")]
#[path = "../../../../tests/it/radix/shape/mod.rs"]
mod shape;
#[path = "../../../../tests/it/radix/steps.rs"]
mod steps;
#[expect(dead_code, reason = "other tests ask for more")]
#[path = "../../../../tests/it/radix/witness.rs"]
mod witness;
