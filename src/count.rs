//! The count of a frame's references: a word, and what CPUs do to it.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use crate::frame::ShareError;
use crate::place::Place;

/// The bits of a word that count.
pub(crate) const COUNT: u64 = u32::MAX as u64;

/// Set when a reference was given back as dirty. It waits here for the last one: the CPU that gives that back is often
/// not the one whose page was written.
pub(crate) const DIRTY: u64 = 1 << 63;

/// Counts the first reference, to a frame that was just handed out.
///
/// Release: who [shares](share) the frame from here on sees that its former owners have let go of it. A CPU that takes
/// a reference on suspicion looks at its page-table entry again, and must not find the entry of before.
#[inline]
pub(crate) fn first(count: &impl Place) {
    count.store(1, Release);
}

/// Counts one reference more, unless there is none: the frame may be somebody else's by then. Acquire, for the look at
/// who has it that follows.
///
/// # Errors
/// [`ShareError::Free`]; [`ShareError::TooMany`]. The count is as it was.
#[inline]
pub(crate) fn share(count: &impl Place) -> Result<(), ShareError> {
    let counted = count.fetch_update(Acquire, Relaxed, |word| match word & COUNT {
        0 | COUNT => None,
        _ => Some(word + 1),
    });
    match counted {
        Ok(_) => Ok(()),
        Err(word) if word & COUNT == 0 => Err(ShareError::Free),
        Err(_) => Err(ShareError::TooMany),
    }
}

/// Takes one reference off. After the last, answers whether any was given back as dirty; else `None`.
///
/// AcqRel: the accesses of all who gave a reference back have ended before the frame is anybody else's.
#[inline]
pub(crate) fn release(count: &impl Place, dirty: bool) -> Option<bool> {
    let mark = if dirty { DIRTY } else { 0 };
    let before = count.fetch_update(AcqRel, Acquire, |word| match word & COUNT {
        0 => None,
        1 => Some(0),
        _ => Some((word | mark) - 1),
    });
    match before {
        Ok(before) if before & COUNT == 1 => Some((before | mark) & DIRTY != 0),
        Ok(_) | Err(_) => None,
    }
}

/// Whether there is no other reference. Acquire: the accesses of those who had one have ended.
#[inline]
pub(crate) fn is_unique(count: &impl Place) -> bool {
    count.load(Acquire) & COUNT <= 1
}
