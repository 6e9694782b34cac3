//! How a replay may go wrong.

use std::error::Error;
use std::fmt;

use kernel_vm::{MapError, Violation};

use super::compare::Difference;
use super::leaf::Leaf;
use super::view::View;

/// The first thing that is not as it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// The manager does not do what this line of the trace wants.
    Refused { line: usize, error: MapError },
    /// The space is not what Linux had.
    Space(Difference<View>),
    /// The page table cannot be filled.
    Populate(MapError),
    /// The page table does not say what it should.
    Table(Difference<Leaf>),
    /// The crate contradicts itself.
    Broken(Violation),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { line, error } => write!(f, "line {line}: {error}"),
            Self::Space(difference) => difference.tell(f, "linux", "kernel-vm"),
            Self::Populate(error) => write!(f, "cannot populate: {error}"),
            Self::Table(difference) => difference.tell(f, "expected", "page table"),
            Self::Broken(violation) => write!(f, "invariant broken: {violation}"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused { error, .. } | Self::Populate(error) => Some(error),
            Self::Broken(violation) => Some(violation),
            Self::Space(_) | Self::Table(_) => None,
        }
    }
}
