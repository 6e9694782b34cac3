//! The platform of a scope: frames of the host, and who has been told to forget which pages.

use alloc::sync::Arc;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use super::span::{PAGES, Span};
use crate::area::MemoryArea;
use crate::backend::mock::HostFrames;
use crate::backend::radix::{Features, Format, Radix};
use crate::flush::{Flush, Tlb};
use crate::frame::FRAME_SIZE;

/// Where the pages of a scope are. The second is the first of a leaf of four where tables have two entries, and of two
/// large tables where they have 512: so pages lie in several tables, and a large leaf may be made and split.
pub(super) const BASE: usize = if cfg!(kernel_vm_small_tables) {
    3 * FRAME_SIZE
} else {
    (1 << 30) - FRAME_SIZE
};

/// More frames than a scope takes.
const FRAMES: usize = 64;

/// A page table of a scope.
pub(super) type Table<F> = Radix<F, (HostFrames, Watch)>;

/// Notes which pages of the scope have been flushed.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// A bit for each.
    flushed: Arc<AtomicUsize>,
    is_deaf: bool,
}

impl Watch {
    /// One that hears of no flush, where a lie wants that.
    pub(super) fn deaf(is_deaf: bool) -> Self {
        Self {
            flushed: Arc::default(),
            is_deaf,
        }
    }

    /// The pages that were flushed since the last call.
    pub(super) fn take(&self) -> usize {
        self.flushed.swap(0, Relaxed)
    }
}

impl Tlb for Watch {
    fn flush(&self, flush: &Flush<'_>) {
        let names = |page: MemoryArea| {
            let ranges = flush.ranges();
            ranges.is_none_or(|ranges| ranges.iter().any(|range| range.contains_area(page)))
        };
        let pages = (0..PAGES).filter(|&page| names(Span::page(page).area(BASE)));
        let flushed = pages.fold(0, |flushed, page| flushed | 1 << page);
        if !self.is_deaf {
            self.flushed.fetch_or(flushed, Relaxed);
        }
    }

    /// No other CPU forgets.
    fn fence(&self, _stale: &Flush<'_>) {}
}

/// Frames for the subjects of a scope, one after the other.
pub(super) fn frames() -> HostFrames {
    HostFrames::new(FRAMES)
}

/// A page table with leaves as large as the format has them.
pub(super) fn table<F: Format>(frames: &HostFrames, watch: &Watch) -> Table<F> {
    let features = Features::new().with_gib_leaves(true);
    Radix::with_features((frames.clone(), watch.clone()), features).unwrap()
}
