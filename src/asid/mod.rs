//! The name under which hardware tags an address space's translations, and the allocator that hands such names out.
//!
//! The number itself is there on every target: flushes carry it. The allocator needs atomics of 64 bits.

#[cfg(target_has_atomic = "64")]
mod allocation;
mod number;

#[cfg(target_has_atomic = "64")]
pub use allocation::{Activation, AsidAllocator, AsidCpu, AsidSlot};
pub use number::Asid;
