//! Numbers that are no area.

use core::fmt;

/// The reason why two numbers are not an area.
///
/// Addresses are given as 64-bit numbers, for virtual and physical ones alike. With `?` it becomes a
/// [`MapError::Area`](crate::MapError::Area).
///
/// ```
/// # use kernel_vm::{AreaError, MemoryArea, VirtAddr};
/// let refused = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0);
/// assert_eq!(refused, Err(AreaError::Empty { start: 0x1000 }));
/// ```
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
    /// The area would have no byte: its size is 0.
    Empty {
        /// The first byte that was asked for.
        start: u64,
    },
    /// The last byte, at `start + size - 1`, would lie past the end of the space.
    Overflow {
        /// The first byte that was asked for.
        start: u64,
        /// The size that was asked for, in bytes.
        size: usize,
    },
    /// The number of bytes does not fit in `usize`: all 2^64 of them, or more than a 32-bit pointer counts.
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
