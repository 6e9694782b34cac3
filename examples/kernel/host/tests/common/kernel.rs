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
#[path = "../../../kernel/src/platform.rs"]
mod platform;

// What stands in for the linker's symbols, and the suites.
#[path = "layout.rs"]
mod layout;
#[path = "suites.rs"]
mod suites;
