//! What tests run on: a page table that is obviously right, and physical memory on the host.

mod backend;
mod countdown;
mod fault;
mod host_frames;
mod host_memory;
mod page;
mod reserved;
mod state;

pub use backend::MockBackend;
pub use fault::Fault;
pub use host_frames::HostFrames;
pub use reserved::MockReserved;
