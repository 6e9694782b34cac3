//! Putting another frame in the place of a page's: break, flush, make.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::retired::broken_leaf;
use crate::backend::radix::entry::word::is_run;
use crate::backend::run::Run;
use crate::place::Place;

/// A leaf that is broken until its flush has returned. A flush that panics puts it back: nobody else would ever make
/// another of it.
struct Broken<'a, W: Place> {
    place: &'a W,
    leaf: u64,
}

impl<W: Place> Drop for Broken<'_, W> {
    fn drop(&mut self) {
        self.place.store(self.leaf, Release);
    }
}

/// Puts `new` in the place of the leaf of `old`, and makes every CPU see it. Answers the word that was there, with
/// every bit that the MMU has set in it; or, as an error, the word that is there instead.
///
/// A valid leaf is broken first, by every format. Were `new` there before the flush, one CPU could write the new frame
/// while another still reads the old one. A hidden leaf was in no TLB, unless a flush is due. That is a value, asked
/// for once: another CPU may settle meanwhile, and a leaf that was broken is to be made whole all the same.
///
/// An owned frame that nobody counts stays: another CPU may be reading its bytes without a reference, by `hold`.
#[inline]
pub(in crate::backend::radix) fn swap<F: Format>(
    place: &impl Place,
    old: Run,
    new: u64,
    is_counted: bool,
    is_flush_due: bool,
    flush: impl FnOnce(),
) -> Result<u64, u64> {
    let is_cached = |leaf| leaf & F::VALID != 0 || is_flush_due;
    // The MMU may set bits of the old leaf until another word is there: it is tried again then.
    let before = place.fetch_update(AcqRel, Acquire, |found| {
        let next = if is_cached(found) {
            broken_leaf::<F>(found)
        } else {
            new
        };
        let may_go = is_counted || found & F::OWNED == 0;
        (is_run::<F>(found, old) && may_go).then_some(next)
    })?;
    if is_cached(before) {
        let leaf = before;
        let broken = Broken { place, leaf };
        flush();
        core::mem::forget(broken);
        // The word is still broken: nobody takes that for a leaf, for empty, or for one that waits to be reaped.
        place.store(new, Release);
    }
    Ok(before)
}
