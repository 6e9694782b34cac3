//! Why two numbers are not an area.

use core::fmt;

/// Why two numbers are not an area. Addresses are given as 64-bit numbers, for virtual and physical ones alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AreaError {
    /// The end lies before the start.
    Backwards {
        /// The first byte that was asked for.
        start: u64,
        /// The end that was asked for.
        end: u64,
    },
    /// The area would have no byte.
    Empty {
        /// Where it would start.
        start: u64,
    },
    /// `start + size` passes the end of the space.
    Overflow {
        /// The first byte that was asked for.
        start: u64,
        /// The size that was asked for, in bytes.
        size: usize,
    },
    /// The number of bytes does not fit in `usize`.
    TooLarge {
        /// The first byte that was asked for.
        start: u64,
        /// The last byte that was asked for.
        end: u64,
    },
    /// The area holds the last address of the space: the exclusive end of a [`Range`](core::ops::Range) has no address.
    NoExclusiveEnd {
        /// The first byte of the area.
        start: u64,
        /// The last byte of the area.
        end: u64,
    },
}

impl fmt::Display for AreaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Backwards { start, end } => {
                write!(f, "area ends at {end:#x}, before its start {start:#x}")
            }
            Self::Empty { start } => write!(f, "area at {start:#x} is empty"),
            Self::Overflow { start, size } => {
                write!(
                    f,
                    "area of {size:#x} bytes at {start:#x} passes the end of the address space"
                )
            }
            Self::TooLarge { start, end } => {
                write!(
                    f,
                    "area {start:#x}..={end:#x} has more bytes than an integer can hold"
                )
            }
            Self::NoExclusiveEnd { start, end } => {
                write!(
                    f,
                    "area {start:#x}..={end:#x} holds the last address: its exclusive end has none"
                )
            }
        }
    }
}

impl core::error::Error for AreaError {}
