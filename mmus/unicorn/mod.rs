//! Unicorn: QEMU's softmmu, as a library. `UNICORN` in the environment says where the library is.
//!
//! It says of a fault that there is one, and no more.

mod aarch64;
mod engine;
mod library;
mod riscv;
mod tests;
mod x86_64;

pub use aarch64::UnicornAarch64;
pub use riscv::UnicornRiscv;
pub use x86_64::UnicornX86;
