//! What tests run on: a page table that is obviously right, one that is not there, and physical memory on the host.

mod backend;
mod countdown;
mod fault;
#[cfg(target_pointer_width = "64")]
mod host_access;
mod host_frames;
mod host_memory;
#[cfg(target_pointer_width = "64")]
pub mod machine;
mod no_page_table;
mod page;
mod reserved;
mod state;

pub use backend::MockBackend;
pub use fault::Fault;
pub use host_frames::HostFrames;
pub use no_page_table::NoPageTable;
pub use reserved::MockReserved;
