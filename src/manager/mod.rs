//! One address space: one verb, one file, all of them `impl VirtualMemoryManager`.
//!
//! Every verb that takes `&mut self` has one order: check, reserve (the tree, then the page table), edit the page
//! table, flush and reap, edit the tree. Only the first two can fail, and then nothing has changed. The tree
//! comes last because it hands out what was cut out of them: a payload may own the frames behind it, and nobody may
//! reuse those before the flush is acknowledged.

mod add;
mod display;
mod free;
mod invariants;
mod populate;
mod protect;
mod refused;
mod remap;
mod remove;
mod replace;
mod restore;
mod search;
mod space;
mod unfinished;
mod unmap;

pub use refused::Refused;
pub use remove::RemovedMaps;
pub use restore::Unrestored;
pub use space::VirtualMemoryManager;
