//! A map under way: the words that it writes.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::hooks::New;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::walk::cut::Cut;
use crate::backend::radix::walk::fit::Fit;
use crate::backend::run::Run;

/// A map under way. The walk knows which pages it is at; this value knows the words for them.
pub(crate) struct MapEdit<'a> {
    run: &'a Run,
    fit: Fit,
    /// The bits that every leaf of this edit has beside its address and attributes.
    common: u64,
    /// The frames for new tables.
    pub(crate) reserved: &'a mut Reserved,
    /// The kind of entries that were published so far.
    pub(crate) new: New,
}

impl<'a> MapEdit<'a> {
    pub(crate) const fn new(
        run: &'a Run,
        fit: Fit,
        common: u64,
        reserved: &'a mut Reserved,
    ) -> Self {
        Self {
            run,
            fit,
            common,
            reserved,
            new: New::Leaves,
        }
    }

    /// The cut of `area`, which lies within one table at `level`: leaves in its body, tables below its ends.
    #[inline]
    pub(crate) const fn cut(&self, area: MemoryArea, level: usize) -> Cut {
        Cut::for_leaves(area, self.fit, level)
    }

    /// The leaf at `level` of the pages that begin at `start`.
    #[inline]
    pub(crate) fn leaf<F: Format>(&self, start: VirtAddr, level: usize) -> u64 {
        let first = PhysAddr::new(self.fit.distance().wrapping_add(start.get() as u64));
        let leaf = F::leaf(first, self.run.attributes, level) | self.common;
        F::marked(leaf, self.common & (F::ACCESSED | F::DIRTY))
    }

    /// The pointer to a table at `at` with leaves of this edit.
    #[inline]
    pub(crate) fn pointer<F: Format>(&self, at: PhysAddr, level: usize) -> u64 {
        F::table(at, level) | (self.common & F::OWNED)
    }

    /// Marks a pointer if leaves of this edit own their frames. Before the leaves are there: whoever takes the table
    /// out later looks for owned leaves only below a mark.
    #[inline]
    pub(crate) fn mark<F: Format>(&self, pointer: &AtomicU64) {
        if !self.is_marked::<F>(pointer) {
            pointer.fetch_or(F::OWNED, Relaxed);
        }
    }

    /// Whether a pointer has the mark, or needs none. Those above it have it then, too: they are marked first.
    #[inline]
    pub(crate) fn is_marked<F: Format>(&self, pointer: &AtomicU64) -> bool {
        self.common & !pointer.load(Relaxed) & F::OWNED == 0
    }
}
