//! From an entry that is taken out to the frame that is given back.
//!
//! ```text
//!  edit             taken out            flush          reap
//!  ────► leaf ─────► retired word ─────────────────────► empty
//!                    (the page table owes a flush)       (frame released)
//! ```
//!
//! An edit notes its changes in a [`changed`] value and takes entries out by [`take_out`]. [`change`] is the frame
//! around it: the changes are told to the caller, and [`owed`] by the page table itself. [`settle`] ends the verb: one
//! flush, then [`reap`] empties the retired words and gives their frames back, unless [`hand_over`] has handed those of
//! pages to the caller. A verb that a panic has left is made up
//! for by [`own_up`], and [`drop`](mod@drop) is the end of it all.

pub(super) mod change;
pub(super) mod changed;
mod drop;
mod hand_over;
pub(super) mod owed;
mod own_up;
mod reap;
mod settle;
pub(super) mod take_out;
