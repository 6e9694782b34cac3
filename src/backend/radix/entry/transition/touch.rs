//! Setting the accessed and dirty bits of a leaf, as the MMU does.

use core::sync::atomic::Ordering::Relaxed;

use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::permissions::Access;
use crate::place::Place;

/// Sets the bits that tell of `access` in the valid leaf at `level` that allows it. Answers the word as it was before.
///
/// # Errors
/// The word that is there instead, and stays.
#[inline]
pub(in crate::backend::radix) fn touch<F: Format>(
    place: &impl Place,
    level: usize,
    access: Access,
) -> Result<u64, u64> {
    place.fetch_update(Relaxed, Relaxed, |word| {
        allows::<F>(word, level, access).then_some(F::marked(word, F::used(access)))
    })
}

/// Whether `word` is a valid leaf that allows `access`. A hidden leaf allows nothing.
#[inline]
pub(in crate::backend::radix) fn allows<F: Format>(
    word: u64,
    level: usize,
    access: Access,
) -> bool {
    matches!(Word::read::<F>(word, level), Word::Leaf(_))
        && F::attributes(word).permissions.allow(access)
}
