//! Giving a leaf other permissions while the MMU writes it.

use core::sync::atomic::Ordering::Relaxed;

use crate::backend::radix::entry::allowed::Allowed;
use crate::backend::radix::entry::format::Format;
use crate::place::Place;

/// Gives a leaf these permissions, and leaves another word as it is. Answers the word as it was before. It is read and
/// written in one step, so that no bit is lost which the MMU sets.
#[inline]
pub(in crate::backend::radix) fn rewrite<F: Format>(place: &impl Place, allowed: Allowed) -> u64 {
    let change = |old| Some(allowed.in_word::<F>(old));
    let (Ok(old) | Err(old)) = place.fetch_update(Relaxed, Relaxed, change);
    old
}
