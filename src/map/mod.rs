//! One map: its area of virtual addresses, the physical memory behind it, its attributes, and the kernel's payload.
//!
//! A map has two forms. [`VirtualMemoryMap`] is a value that a verb takes in or hands out, and owns its payload.
//! [`MapRef`] is a look at a map that stays in its tree. Both are an area and a [`Content`], which the tree keeps
//! apart: it searches areas, and moves contents about without looking at them.

mod backing;
mod content;
mod facts;
mod map_ref;
mod payload;
mod virtual_memory_map;

pub use backing::Backing;
pub(crate) use content::Content;
pub use map_ref::MapRef;
pub use payload::Payload;
pub use virtual_memory_map::VirtualMemoryMap;
