//! Pages that appear when they are touched, and user memory.

mod basics;
mod between;
mod deferred;
mod failing;
mod fork;
pub mod hooks;
mod hostile;
mod kernel;
mod laws;
mod layout;
#[cfg(target_os = "linux")]
mod linux;
mod mmu;
mod mock;
mod model;
mod objects;
mod page;
mod process;
mod threads;
mod uncounted;
mod user_memory;
mod verbs;
mod world;
