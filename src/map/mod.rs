//! One mapping: where it is, what backs it, who may do what, and the kernel's own word on it.

mod content;
mod map_ref;
mod payload;
mod virtual_memory_map;

pub(crate) use content::Content;
pub use map_ref::MapRef;
pub use payload::Payload;
pub use virtual_memory_map::VirtualMemoryMap;
