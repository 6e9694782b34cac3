#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;

mod addr;
mod area;
mod area_error;
mod asid;
mod attributes;
pub mod backend;
mod error;
mod flush;
mod frame;
mod free_search;
mod manager;
mod map;
mod permissions;
#[cfg(target_has_atomic = "64")]
mod sync;
mod tree;
mod violation;

pub use addr::{Address, PhysAddr, VirtAddr};
pub use area::MemoryArea;
pub use area_error::AreaError;
pub use asid::Asid;
#[cfg(target_has_atomic = "64")]
pub use asid::{Activation, AsidAllocator, AsidCpu, AsidSlot};
pub use attributes::{Attributes, MemoryType};
pub use error::MapError;
pub use flush::{Flush, Retired, Tlb};
pub use frame::{AllocatorId, FRAME_SIZE, Frame, FrameAllocator};
pub use free_search::FreeSearch;
pub use manager::{Refused, RemovedMaps, Unrestored, VirtualMemoryManager};
pub use map::{MapRef, Payload, VirtualMemoryMap};
pub use permissions::{Access, Permissions};
pub use tree::Node;
pub use violation::Violation;
