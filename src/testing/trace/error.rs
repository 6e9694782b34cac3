//! What may be wrong with a trace.

use alloc::string::String;
use core::fmt;

use crate::area::MemoryArea;

/// A line of a trace that cannot be read: it prints the line's number, and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceError {
    line: usize,
    problem: Problem,
}

impl TraceError {
    pub(super) fn new(line: usize, problem: Problem) -> Self {
        Self { line, problem }
    }

    /// The line's number, from 1 on.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
}

/// What is wrong with it; words are given as they stand there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Problem {
    NotText,
    UnknownVerb(String),
    NoArea,
    NotAnArea(String),
    Backwards(String),
    NotPages(String),
    NoPermissions,
    NotPermissions(String),
    NotAView(String),
    Extra(String),
    LateInit,
    AfterFinal,
    Overlap { existing: MemoryArea },
    TooManyPages,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("not UTF-8 text"),
            Self::UnknownVerb(word) => write!(f, "unknown verb {word:?}"),
            Self::NoArea => f.write_str("an area is missing"),
            Self::NotAnArea(word) => write!(f, "{word:?} is not START-END in hexadecimal"),
            Self::Backwards(word) => write!(f, "{word:?} does not end behind its start"),
            Self::NotPages(word) => write!(f, "{word:?} is not whole pages"),
            Self::NoPermissions => f.write_str("permissions are missing"),
            Self::NotPermissions(word) => write!(f, "{word:?} is not permissions, as \"rw-\" is"),
            Self::NotAView(word) => {
                write!(f, "{word:?} is not permissions and sharing, as \"rw-p\" is")
            }
            Self::Extra(word) => write!(f, "{word:?} is a word too many"),
            Self::LateInit => f.write_str("\"init\" behind the first call"),
            Self::AfterFinal => f.write_str("only \"final\" may follow \"final\""),
            Self::TooManyPages => f.write_str("too many pages to compare one by one"),
            Self::Overlap { existing } => write!(f, "overlaps the final region {existing}"),
        }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl core::error::Error for TraceError {}
