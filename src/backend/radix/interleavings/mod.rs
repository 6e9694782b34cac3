//! Every way in which the transitions of an entry can meet, on CPUs and with an MMU that writes entries itself. Only
//! with `RUSTFLAGS="--cfg loom" cargo test --release --lib`.
//!
//! What runs here are the transitions that the edits call, with loom's atomics in the place of `core`'s. Each test is
//! of one page or one table, with the words of RISC-V and of Arm, whose MMU tells of a write by a bit of the
//! permissions. [`pairs`] lets any two of what CPUs do to a page meet there, and the others look closely at one such
//! meeting. [`settle_tree`] alone is of a whole page table, in which CPUs meet at hooks.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails should stop where it fails"
)]

mod claim;
mod copy_on_write;
mod frames;
mod harvest;
mod hold;
mod mmu;
mod owed;
mod pairs;
mod permit;
mod protect;
mod reuse;
mod settle;
mod settle_table;
mod settle_tree;
mod space;
mod touch;
mod unmap;
mod word;

use alloc::sync::Arc;

use loom::model::Builder;
use loom::thread::{self, JoinHandle};

use mmu::Mmu;
use space::Space;

/// Runs `model` in every way in which its threads can be interleaved, up to this many preemptions; `None`: in all.
fn check(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = preemptions;
    // A model that does many things one after the other has many places where another thread could go on.
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Another CPU, which does this in `space`.
fn spawn<F: Mmu, R: 'static>(
    space: &Arc<Space<F>>,
    cpu: impl FnOnce(&Space<F>) -> R + 'static,
) -> JoinHandle<R> {
    let space = Arc::clone(space);
    thread::spawn(move || cpu(&space))
}

/// A test for each kind of format.
macro_rules! for_each_format {
    ($(fn $test:ident() = $model:ident;)*) => {$(
        mod $test {
            #[test]
            fn in_sv39() {
                super::$model::<crate::backend::sv39::Sv39Format>();
            }

            #[test]
            fn where_entries_are_broken_before_others_are_made() {
                super::$model::<crate::backend::aarch64::Aarch64Format<4>>();
            }
        }
    )*};
}
use for_each_format;
