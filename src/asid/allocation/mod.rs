//! ASIDs by generations: numbers are handed out once each, and when they run out, a rollover begins anew.
//!
//! A *context* is a number with the generation in which it was handed out, in one word. Two kinds of word hold one:
//! the space's slot, and the CPU's active word. A context switch whose space has a context of this generation takes no
//! lock: it exchanges the CPU's word. A rollover empties all CPUs' words under the lock, so that the exchange of a CPU
//! that it overtakes fails, and that CPU comes to the lock as well.

mod allocator;
mod context;
mod cpu;
mod generation;
mod slot;

pub use allocator::AsidAllocator;
pub use cpu::{Activation, AsidCpu};
pub use slot::AsidSlot;
