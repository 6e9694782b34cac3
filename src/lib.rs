// Of a reference that is defined twice, the first counts: here items and the pictures themselves, in a clone files.
#![cfg_attr(feature = "alloc", doc = include_str!("links.md"))]
#![cfg_attr(all(feature = "alloc", doc), doc = include_str!("../docs/pictures.md"))]
#![cfg_attr(feature = "alloc", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "alloc"),
    doc = "Address spaces for kernels, without a heap: this is the part of the crate that needs no `alloc`. The README is \
the documentation of the crate with that feature; the examples on these pages need it, too."
)]
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod addr;
mod area;
mod area_error;
mod asid;
mod attributes;
pub mod backend;
mod bytes;
#[cfg(target_has_atomic = "64")]
mod count;
#[cfg(target_has_atomic = "64")]
mod counted;
mod error;
mod fault;
mod flush;
mod fork;
mod frame;
mod free_search;
#[cfg(all(feature = "alloc", any(doc, doctest)))]
pub mod guide;
pub mod lock;
mod manager;
mod map;
mod permissions;
#[cfg(target_has_atomic = "64")]
mod place;
mod platform;
#[cfg(all(test, feature = "alloc", target_has_atomic = "64", not(loom)))]
mod scopes;
#[cfg(feature = "alloc")]
mod shared_pages;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod this_cpu;
mod tree;
mod violation;

pub use addr::{Address, PhysAddr, VirtAddr};
pub use area::MemoryArea;
pub use area_error::AreaError;
pub use asid::Asid;
#[cfg(target_has_atomic = "64")]
pub use asid::{Activation, AsidAllocator, AsidCpu, AsidSlot};
pub use attributes::{Attributes, MemoryType};
pub use bytes::Held;
#[cfg(target_has_atomic = "64")]
pub use counted::Counted;
pub use error::MapError;
pub use fault::{Done, FaultError, Privilege};
pub use flush::{Flush, Retired, Tlb};
pub use fork::{ForkError, Inherit};
pub use frame::{AllocatorId, FRAME_SIZE, Frame, FrameAllocator, ShareError};
pub use free_search::FreeSearch;
pub use manager::{
    Answer, Chunk, ChunkMut, Cleaned, Evicted, Refused, RemovedMaps, Settled, Stop, Stopped,
    Ticket, Unrestored, Unsupplied, VirtualMemoryManager,
};
pub use map::{Backing, MapRef, Payload, VirtualMemoryMap};
pub use permissions::{Access, Permissions};
pub use platform::Platform;
#[cfg(feature = "alloc")]
pub use shared_pages::SharedPages;
pub use tree::Node;
pub use violation::Violation;
