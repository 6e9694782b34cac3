//! What a verb answers.

use alloc::string::{String, ToString as _};

use crate::area::MemoryArea;
use crate::error::MapError;
use crate::fault::{Done, FaultError};

/// An answer, of a space or of its model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reply {
    Done,
    /// A map that is gone, or a free area.
    Area(Option<MemoryArea>),
    Refused(MapError),
    /// Behind so many pages.
    Stopped(usize),
    Resolved(Done),
    Spurious,
    NotMapped,
    Denied,
    /// What no model answers.
    Strange(String),
}

impl Reply {
    pub(super) fn is_accepted(&self) -> bool {
        matches!(
            self,
            Self::Done | Self::Area(_) | Self::Resolved(_) | Self::Spurious
        )
    }
}

impl From<Result<(), MapError>> for Reply {
    fn from(answer: Result<(), MapError>) -> Self {
        answer.map_or_else(Self::Refused, |()| Self::Done)
    }
}

impl From<Result<Option<Done>, FaultError>> for Reply {
    fn from(answer: Result<Option<Done>, FaultError>) -> Self {
        match answer {
            Ok(Some(done)) => Self::Resolved(done),
            Ok(None) => Self::Spurious,
            Err(FaultError::NotMapped { .. }) => Self::NotMapped,
            Err(FaultError::Denied { .. }) => Self::Denied,
            Err(error) => Self::Strange(error.to_string()),
        }
    }
}
