//! Letting a leaf allow more, for the same frame.

use core::sync::atomic::Ordering::Relaxed;

use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::is_run;
use crate::backend::run::Run;
use crate::place::Place;

/// Gives the leaf of `old` these `bits` beside those that are [kept](Format::KEPT). Accessed and dirty bits stay, also
/// those that the MMU sets meanwhile.
///
/// # Errors
/// The word that is there instead, and stays.
#[inline]
pub(in crate::backend::radix) fn permit<F: Format>(
    place: &impl Place,
    old: Run,
    bits: u64,
) -> Result<u64, u64> {
    place.fetch_update(Relaxed, Relaxed, |word| {
        is_run::<F>(word, old).then_some(F::permitted(word, bits))
    })
}
