//! Stand-ins for tests, of this crate and of kernels: page tables, physical memory and a machine, all on the host.
//!
//! - [`MockBackend`] is a page table that is obviously right, with a TLB for each CPU that forgets only on a flush.
//!   With a platform it owns frames, and page faults can be tested on it.
//! - [`NoPageTable`] is a page table that is not there, for tests of a space's maps by themselves.
//! - [`HostFrames`] is physical memory and a platform: it counts frames, and catches a frame that is used after free.
//! - [`machine`] has CPUs that walk real page tables in that memory, and cache the worst that the manual allows.
//!
//! All of them fail on demand where a kernel must be ready for failure.

mod backend;
mod countdown;
mod exchange;
mod fault;
#[cfg(target_pointer_width = "64")]
mod host_access;
mod host_frames;
mod host_memory;
#[cfg(target_pointer_width = "64")]
pub mod machine;
mod maybe_platform;
mod no_page_table;
mod page;
mod paging;
mod reserved;
mod root;
mod settle;
mod slot;
mod state;

pub use backend::MockBackend;
pub use fault::Fault;
pub use host_frames::HostFrames;
pub use no_page_table::NoPageTable;
pub use reserved::MockReserved;
