//! Clearing the accessed and dirty bits of a leaf while the MMU sets them.

use core::sync::atomic::Ordering::Relaxed;

use crate::backend::radix::entry::format::Format;
use crate::place::Place;

/// Clears the accessed and dirty bits, and answers the word as it was before: what the MMU sets is either in there or
/// stays.
#[inline]
pub(in crate::backend::radix) fn harvest<F: Format>(place: &impl Place) -> u64 {
    place.fetch_and(!(F::ACCESSED | F::DIRTY), Relaxed)
}
