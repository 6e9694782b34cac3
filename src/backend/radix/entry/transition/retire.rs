//! Taking a leaf out while the MMU writes it.

use core::sync::atomic::Ordering::Relaxed;

use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::retired::retired;
use crate::place::Place;

/// Takes out the word at `level`: a retired word stays, or nothing. Answers the word as it was before. It is invalid
/// from the first step on: the MMU sets no bit any more.
#[inline]
pub(in crate::backend::radix) fn retire<F: Format>(place: &impl Place, level: usize) -> u64 {
    let old = place.swap(0, Relaxed);
    place.store(retired::<F>(old, level), Relaxed);
    old
}
