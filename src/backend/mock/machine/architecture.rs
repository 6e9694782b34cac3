//! The architectures that a machine can have.

use super::rules::Rules;

/// The CPUs that a [`Machine`](super::Machine) has: [`RiscV`](super::RiscV), if nothing else is said, or
/// [`X86_64`](super::X86_64).
///
/// A value says what of the architecture these CPUs have. Sealed: the rules of each are written here, from its manual.
pub trait Architecture: Rules {}

impl<A: Rules> Architecture for A {}
