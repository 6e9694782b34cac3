//! The name under which hardware tags an address space's translations, and who gets which.

#[cfg(target_has_atomic = "64")]
mod allocator;
#[cfg(target_has_atomic = "64")]
mod context;
#[cfg(target_has_atomic = "64")]
mod generation;
mod number;
#[cfg(target_has_atomic = "64")]
mod slot;
#[cfg(target_has_atomic = "64")]
mod switch;

#[cfg(target_has_atomic = "64")]
pub use allocator::AsidAllocator;
pub use number::Asid;
#[cfg(target_has_atomic = "64")]
pub use slot::AsidSlot;
#[cfg(target_has_atomic = "64")]
pub use switch::{Activation, AsidCpu};
