//! The leaves that fit a run.

use super::table::span;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::memory::Radix;
use crate::backend::run::Run;
use crate::platform::Platform;

/// The leaves that fit a run, by the distance of its frames from its pages, and by what the MMU has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    distance: u64,
    /// The highest level that may hold leaves.
    highest: usize,
}

impl Fit {
    /// Whether leaves at `level` can map whole slots. A leaf is aligned to its size on both sides, so the distance must
    /// be a multiple of the span.
    #[inline]
    pub(crate) const fn has_leaves(self, level: usize) -> bool {
        level <= self.highest && self.distance % span(level) as u64 == 0
    }

    /// How far the frames are behind the pages.
    #[inline]
    pub(crate) const fn distance(self) -> u64 {
        self.distance
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// The leaves that fit `run`. O(1).
    #[inline]
    pub(in crate::backend::radix) fn fit(&self, run: &Run) -> Fit {
        Fit {
            distance: run.distance(),
            highest: F::highest_leaf(self.features()),
        }
    }
}
