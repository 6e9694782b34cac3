//! Pages that appear when they are touched, and user memory.

mod basics;
mod between;
mod failing;
mod hooks;
mod hostile;
mod kernel;
mod laws;
#[cfg(target_os = "linux")]
mod linux;
mod mmu;
mod mock;
mod model;
mod process;
mod threads;
mod uncounted;
mod user_memory;
mod verbs;
