// The kernel's own files, as they are, in the root of each test's crate: they name each other so.

#[path = "../../../kernel/src/asids.rs"]
mod asids;
#[path = "../../../kernel/src/cpus.rs"]
mod cpus;
#[path = "../../../kernel/src/fault.rs"]
mod fault;
#[path = "../../../kernel/src/frames.rs"]
mod frames;
#[path = "../../../kernel/src/lock.rs"]
mod lock;
#[path = "../../../kernel/src/memory.rs"]
mod memory;
#[path = "../../../kernel/src/mode.rs"]
mod mode;
#[path = "../../../kernel/src/once.rs"]
mod once;
#[path = "../../../kernel/src/page_fault.rs"]
mod page_fault;
#[path = "../../../kernel/src/platform.rs"]
mod platform;
#[path = "../../../kernel/src/user_memory.rs"]
mod user_memory;
#[path = "../../../kernel/src/user_space.rs"]
mod user_space;

// What stands in for the kernel's own map and for the linker's symbols, and the suites.
#[path = "kernel_space.rs"]
mod kernel_space;
#[path = "layout.rs"]
mod layout;
#[path = "processes.rs"]
mod processes;
#[path = "suites.rs"]
mod suites;
