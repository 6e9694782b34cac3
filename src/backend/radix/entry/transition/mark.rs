//! Setting and clearing accessed and dirty bits of a leaf while the MMU sets them.

use core::sync::atomic::Ordering::Relaxed;

use crate::backend::radix::entry::format::Format;
use crate::place::Place;

/// Sets these accessed and dirty bits in a leaf. Few leaves are used while they are moved or split, so no format has a
/// quicker way.
#[inline]
pub(in crate::backend::radix) fn mark<F: Format>(place: &impl Place, marks: u64) {
    update(place, |leaf| F::marked(leaf, marks));
}

/// Clears these accessed and dirty bits of a leaf, and answers the word as it was before: a bit that the MMU sets is
/// either in there or stays.
#[inline]
pub(in crate::backend::radix) fn unmark<F: Format>(place: &impl Place, marks: u64) -> u64 {
    if F::UNUSED == 0 {
        place.fetch_and(!marks, Relaxed)
    } else {
        update(place, |leaf| F::unmarked(leaf, marks))
    }
}

/// Puts another word in the place of the one that is there, in one step, and answers the word as it was before.
#[inline]
fn update(place: &impl Place, change: impl Fn(u64) -> u64) -> u64 {
    let (Ok(old) | Err(old)) = place.fetch_update(Relaxed, Relaxed, |word| Some(change(word)));
    old
}
