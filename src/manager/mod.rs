//! One address space: one verb, one file, all of them `impl VirtualMemoryManager`.
//!
//! Every verb that takes `&mut self` goes through the same steps, in this order:
//! 1. *check*: areas, permissions and physical memory against the backend's ranges;
//! 2. *reserve*: nodes for the tree, then frames for the page table;
//! 3. *edit the page table*, which collects in a [`Retired`](crate::flush::Retired) where entries have gone;
//! 4. *flush and reap*: every CPU forgets, and only then frames go back to the allocator;
//! 5. *edit the tree*, and hand out the maps that were cut out of it.
//!
//! Only the first two steps can fail, and then nothing has changed. The tree comes last because a payload may own the
//! frames behind its map: nobody may reuse those before the flush is acknowledged.
//!
//! The files below stand in the order in which a reader wants their methods: rustdoc shows them in that order.

// The space, and the ways to make one.
mod space;

// Maps come.
mod add;
mod map;
mod replace;
mod restore;

// Maps go: any part of them, or whole.
mod unmap;

mod remove;

// The same, with the flush left for later.
mod unmap_deferred;

mod protect_deferred;

mod settle;

// Maps change where they are, or move.
mod protect;

mod restrict;

mod remap;

// Pages come, at once or when they are touched, and go while the maps stay.
mod populate;

mod handle_fault;

mod supply;

mod supply_around;

mod prefault;

mod discard;
mod resident;

mod harvest;

mod clean;
mod evict;

// A space comes from another.
mod fork_into;

// The kernel reads and writes for a program.
mod read;
mod write;

mod chunks;
mod pin;

// Questions: where is room, which map is where, is all well?
mod free;

mod search;

mod invariants;

// The root and the ASID, as hardware is told of them.
mod hardware;

// Values that verbs answer, and the steps that verbs share.
mod deferred;
mod display;
mod grow;
#[cfg(all(test, loom))]
#[cfg(feature = "alloc")]
mod interleavings;
mod recover;
mod refused;
mod settling;
mod steps;
mod unfinished;

pub use chunks::{Chunk, ChunkMut, Stop, Stopped};
pub use clean::Cleaned;
pub use evict::Evicted;
pub use handle_fault::Answer;
pub use refused::Refused;
pub use remove::RemovedMaps;
pub use restore::Unrestored;
pub use settling::Settled;
pub use space::VirtualMemoryManager;
pub use supply::{Ticket, Unsupplied};
