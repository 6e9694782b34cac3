//! Claiming an empty entry, alone or among other CPUs.

use core::sync::atomic::Ordering::{Relaxed, Release};

use crate::place::Place;

/// Who else may write entries during a map: nobody ([`Alone`]), or other CPUs ([`Shared`]).
pub(crate) trait Claim {
    /// Whether nobody else edits the page table meanwhile.
    const IS_ALONE: bool;

    /// Writes `new` into an empty entry; false when it is not empty. Release: whoever reads a pointer there sees the
    /// table behind it filled.
    fn claim(place: &impl Place, new: u64) -> bool;
}

/// A claim while nobody else edits: the load and the store may stand apart.
pub(crate) enum Alone {}

/// A claim while other CPUs may be mapping: the first one wins, and its word stays.
pub(crate) enum Shared {}

impl Claim for Alone {
    const IS_ALONE: bool = true;

    #[inline]
    fn claim(place: &impl Place, new: u64) -> bool {
        let is_empty = place.load(Relaxed) == 0;
        if is_empty {
            place.store(new, Release);
        }
        is_empty
    }
}

impl Claim for Shared {
    const IS_ALONE: bool = false;

    /// The load spares the compare-and-swap where an entry is plainly taken, and with it the cache line.
    #[inline]
    fn claim(place: &impl Place, new: u64) -> bool {
        place.load(Relaxed) == 0 && place.compare_exchange(0, new, Release, Relaxed).is_ok()
    }
}
