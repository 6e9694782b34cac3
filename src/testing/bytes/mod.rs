//! Random processes, and a model of every byte that their programs see: [`Bytes`] says how many steps, [`Processes`] is
//! the kernel.
//!
//! `draw` draws steps (`op`) by what the `model` of each process knows. A `world` is the kernel with its processes
//! beside their models. In it, `life` lets processes come and go, and `layout` changes their maps. Their programs
//! `access` the bytes, and the kernel does so in a `copy`; what is found there, `judge` compares. `run` does so from a
//! seed.

mod access;
mod copy;
mod draw;
mod events;
mod judge;
mod layout;
mod life;
mod model;
mod op;
mod processes;
mod run;
mod settings;
mod world;

pub use events::Events;
pub use processes::Processes;
pub use settings::Bytes;
