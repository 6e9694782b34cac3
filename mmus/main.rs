//! Two authors, one manual: MMUs that others wrote read our page tables, and the tables that our machine reads.
//!
//! - `isa`: the formats, and our machine's CPUs in them.
//! - `author`: an MMU that somebody else wrote, and a list of what it does differently. `unicorn` and `rsemu` are two.
//! - `world`: `tables` with words at random, which `junk` asks both of. `ours` are tables that the crate has edited, as
//!   `asked`.
//! - `compare`: asks both, and wants one answer, or the one that the list foretells.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that fails should stop where it fails; the host has 64 bits"
)]

/// The tests of an author's MMU for one format; no two have the same number.
macro_rules! tests {
    ($($name:ident: $isa:ty, $author:ty, $number:literal;)*) => {
        $(mod $name {
            use super::*;

            #[test]
            fn junk() {
                crate::junk::agree_on_junk::<$isa, $author>(2 * $number);
            }

            #[test]
            fn ours() {
                crate::ours::agree_on_ours::<$isa, $author>(2 * $number + 1);
            }
        })*
    };
}

mod asked;
mod author;
mod compare;
mod differences;
mod isa;
mod junk;
mod low;
mod ours;
mod random;
mod rsemu;
mod tables;
mod unicorn;
mod world;

#[global_allocator]
static ALLOCATOR: low::Low = low::Low;
