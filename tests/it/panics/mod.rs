//! A hook that panics may leak, and may leave entries out, but nothing else: never two owners of a frame, an unsound
//! page table, or a verb that does not return.

mod bomb;
mod maps;
pub mod platform;
mod radix;
