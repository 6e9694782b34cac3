//! The lines of the root table that may have entries.
//!
//! A root is mostly empty: a program lies at one end of it, its stack at the other. So the page table remembers where
//! anything was ever written, and passes over the rest without a look at its words.

use core::ops::Range;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use super::table::{ENTRIES, LINE, index, span};
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;

/// The lines of the root that may have entries: a bit for each. Bits are set before an entry is there, and stay.
///
/// Relaxed: bits are read by who has the page table as `&mut`, behind everything that others did before; or by who
/// settles, of words that were retired so.
#[derive(Debug)]
pub(crate) struct Filled(AtomicU64);

/// The bits of a root's lines are one word.
const _: () = assert!(ENTRIES / LINE <= u64::BITS as usize);

impl Filled {
    /// An empty root.
    pub(crate) const fn nowhere() -> Self {
        Self(AtomicU64::new(0))
    }

    /// A root of which nothing is known.
    pub(crate) const fn anywhere() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    /// Notes that entries are about to be written in these slots, one at least. O(1).
    #[cold]
    pub(crate) fn note(&self, slots: Range<usize>) {
        self.0.fetch_or(lines(slots), Relaxed);
    }

    /// Whether the slot with this number was noted. O(1).
    #[inline]
    pub(crate) fn has(&self, slot: usize) -> bool {
        self.0.load(Relaxed) >> (slot / LINE) & 1 != 0
    }

    /// The parts of `area`, which lies in one range, where there may be entries, in address order. O(parts).
    pub(crate) fn parts<F: Format>(&self, area: MemoryArea) -> impl Iterator<Item = MemoryArea> {
        let size = span(F::LEVELS - 1) * LINE;
        let first = MemoryArea::block(area.start(), size).start().get();
        let slots = index(area.start(), F::LEVELS - 1)..index(area.end(), F::LEVELS - 1) + 1;
        let before = slots.start / LINE;
        let mut lines = self.0.load(Relaxed) & lines(slots);
        core::iter::from_fn(move || {
            let next = lines.trailing_zeros() as usize;
            // The lowest bit goes; without one, there is no part left.
            lines &= lines.checked_sub(1)?;
            let start = VirtAddr::new(first + (next - before) * size);
            MemoryArea::block(start, size).intersection(area)
        })
    }
}

/// The bits of the lines that these slots lie in, one at least.
#[inline]
const fn lines(slots: Range<usize>) -> u64 {
    let (first, last) = (slots.start / LINE, (slots.end - 1) / LINE);
    (u64::MAX << first) & (u64::MAX >> (u64::BITS as usize - 1 - last))
}
