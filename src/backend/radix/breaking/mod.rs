//! Edits in a format that breaks entries before it makes others, and has a root for each half: Arm's.

mod edits;
mod panics;
mod platform;

/// The format that these tests are of.
type Arm = crate::backend::aarch64::Aarch64Format<4>;
