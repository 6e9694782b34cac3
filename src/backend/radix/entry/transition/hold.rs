//! Taking a reference to the frame of a leaf that other CPUs may be exchanging.

use core::sync::atomic::Ordering::Acquire;

use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::is_run;
use crate::backend::run::Run;
use crate::frame::ShareError;
use crate::place::Place;

/// Why a frame was not held. Nothing has changed.
pub(in crate::backend::radix) enum NotHeld {
    /// This word is there, which is no owned leaf of the run.
    Changed(u64),
    /// There can be no reference to it more.
    Unshared(ShareError),
}

/// Takes a reference to the frame of the owned leaf of `run` with `share`, which answers `None` where nobody counts:
/// such a leaf is not [swapped](super::swap).
///
/// The frame may have been given back between the look at the word and `share`, and be anybody's by then. So the word
/// is looked at again, and a reference to what the leaf does not own any more goes to `release`, unused.
#[inline]
pub(in crate::backend::radix) fn hold<F: Format, R>(
    place: &impl Place,
    run: Run,
    share: impl FnOnce() -> Result<Option<R>, ShareError>,
    release: impl FnOnce(R),
) -> Result<Option<R>, NotHeld> {
    look::<F>(place, run)?;
    let reference = match share() {
        Ok(Some(reference)) => reference,
        Ok(None) => return Ok(None),
        Err(ShareError::Free) => return Err(NotHeld::Changed(place.load(Acquire))),
        Err(error) => return Err(NotHeld::Unshared(error)),
    };
    match look::<F>(place, run) {
        Ok(()) => Ok(Some(reference)),
        Err(changed) => {
            release(reference);
            Err(changed)
        }
    }
}

/// Whether the owned leaf of `run` is there.
#[inline]
fn look<F: Format>(place: &impl Place, run: Run) -> Result<(), NotHeld> {
    let word = place.load(Acquire);
    if is_run::<F>(word, run) && word & F::OWNED != 0 {
        Ok(())
    } else {
        Err(NotHeld::Changed(word))
    }
}
