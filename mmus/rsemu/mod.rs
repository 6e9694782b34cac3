//! rsemu: an emulator in Rust, whose walkers can be asked by themselves.
//!
//! It says of a fault which one it is.

mod aarch64;
mod riscv;
mod tests;
mod x86_64;

pub use aarch64::RsemuAarch64;
pub use riscv::RsemuRiscv;
pub use x86_64::RsemuX86;
