//! Random verbs on a space and on a model: [`Verbs`] says how many, [`Subject`] is what they are done to.
//!
//! `draw` draws steps (`op`) by what the `model` knows, whose verbs are in `maps` and `pages`; `bits` are its sets of
//! pages. A `world` is the space beside the model: each answer (`reply`) to what they are told (`tell`) must be the
//! same, and `entries` looks at the page table. `run` does so from a seed, and takes steps out while what is left goes
//! wrong. `lie` goes wrong on purpose.
#![expect(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "spaces have at most 4096 pages; a panic is a failure like any other"
)]

mod bits;
mod draw;
mod entries;
mod lie;
mod maps;
mod model;
mod op;
mod pages;
mod reply;
mod run;
mod settings;
mod subject;
mod tally;
mod tell;
mod world;

pub use lie::Lie;
pub use settings::Verbs;
pub use subject::Subject;
pub use tally::Tally;
