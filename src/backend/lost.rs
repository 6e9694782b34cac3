//! Frames that come back to a caller.

use core::error::Error;
use core::fmt;

use crate::backend::run::Entry;
use crate::error::MapError;
use crate::frame::Frame;

/// A frame that a page table did not take, and why: it was refused, or another CPU was first.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the frame is leaked unless it is given back"]
pub struct Lost {
    frame: Frame,
    /// The entry that another CPU has made, or the error.
    reason: Result<Entry, MapError>,
}

impl Lost {
    /// A frame that was refused with `error`.
    pub(crate) const fn refused(frame: Frame, error: MapError) -> Self {
        Self {
            frame,
            reason: Err(error),
        }
    }

    /// A frame that came too late: `found` is in its page.
    pub(crate) const fn raced(frame: Frame, found: Entry) -> Self {
        Self {
            frame,
            reason: Ok(found),
        }
    }

    /// The entry that is there instead, when another CPU was first. O(1).
    #[must_use]
    pub fn found(&self) -> Option<Entry> {
        self.reason.ok()
    }

    /// The error for which the frame was refused, when nobody else was first. O(1).
    #[must_use]
    pub fn error(&self) -> Option<MapError> {
        self.reason.err()
    }

    /// The frame, as it was given. O(1).
    pub fn into_frame(self) -> Frame {
        self.frame
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Ok(_) => f.write_str("the page was changed meanwhile"),
            Err(error) => error.fmt(f),
        }
    }
}

impl Error for Lost {}

/// A frame that is no longer the page table's own, and no longer reached through the page that it was at.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the frame is leaked unless it is given back"]
pub struct Replaced {
    /// The frame.
    pub frame: Frame,
    /// Whether the frame may have been written through that page: of use to
    /// [`release`](crate::FrameAllocator::release).
    pub dirty: bool,
}
