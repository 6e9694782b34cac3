//! Whether the walker is any format's: the same edits in one that has little in common with RISC-V's.

mod edits;
pub(super) mod format;
mod panics;
mod platform;
