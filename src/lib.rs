#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;

mod addr;
mod area;
mod asid;
mod attributes;
pub mod backend;
mod error;
mod flush;
mod frame;
#[cfg(feature = "alloc")]
mod manager;
mod map;
#[cfg(feature = "alloc")]
mod map_ref;
mod permissions;
#[cfg(feature = "alloc")]
mod tree;
mod violation;

pub use addr::{Address, PhysAddr, VirtAddr};
pub use area::{AreaError, MemoryArea};
pub use asid::Asid;
pub use attributes::{Attributes, MemoryType};
pub use error::MapError;
pub use flush::{Flush, Retired, Tlb};
pub use frame::{FRAME_SIZE, Frame, FrameAllocator};
#[cfg(feature = "alloc")]
pub use manager::{Refused, RemovedMaps, Unrestored, VirtualMemoryManager};
pub use map::{Payload, VirtualMemoryMap};
#[cfg(feature = "alloc")]
pub use map_ref::MapRef;
pub use permissions::{Access, Permissions};
pub use violation::Violation;
