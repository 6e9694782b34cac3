//! The name under which hardware tags an address space's translations, and who gets which.

#[cfg(target_has_atomic = "64")]
mod allocator;
#[cfg(target_has_atomic = "64")]
mod context;
mod number;
#[cfg(target_has_atomic = "64")]
mod slot;

#[cfg(target_has_atomic = "64")]
pub use allocator::{Activation, AsidAllocator, AsidCpu};
pub use number::Asid;
#[cfg(target_has_atomic = "64")]
pub use slot::AsidSlot;
