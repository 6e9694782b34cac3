//! From an entry that is taken out to the frame that is given back.
//!
//! ```text
//!  edit             taken out            flush          reap
//!  ────► leaf ─────► retired word ─────────────────────► empty
//!                    (the page table owes a flush)       (frame released)
//! ```
//!
//! Who is about while a word is retired depends on who settles. The edit is always under `&mut`:
//!
//! ```text
//!              &mut self               │  &self: lock downgraded  │  &mut self
//!  at once     edit ─► flush ─► reap   │                          │
//!  deferred    edit                    │  flush ─► reap           │  (forget)
//!  others      shut out                │  look up, fault          │  shut out
//!              busy to nobody          │  busy where it waits     │  empty
//! ```
//!
//! An edit notes its changes in a [`changed`] value and takes entries out by [`take_out`]. [`change`] is the frame
//! around it: the changes are told to the caller, and [`owed`] by the page table itself. [`settle`] ends the verb: one
//! flush, then [`reap`] empties the retired words and gives their frames back, unless [`hand_over`] has handed those of
//! pages to the caller. [`settle_shared`] does the same while other CPUs look and fault. A verb that a panic has left
//! is made up for by [`own_up`], and [`drop`](mod@drop) is the end of it all.

pub(super) mod change;
pub(super) mod changed;
mod drop;
mod hand_over;
pub(super) mod owed;
mod own_up;
pub(super) mod reap;
mod settle;
mod settle_shared;
pub(super) mod take_out;
