//! One page where there is a table for it: what a walk and a store can do.

use core::sync::atomic::Ordering::{Relaxed, Release};

use super::format::Format;
use super::query::Pages;
use super::table::word;
use super::walker::Radix;
use super::word::is_gone;
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::backend::run::Run;
use crate::flush::{Flush, Tlb};
use crate::frame::{FRAME_SIZE, FrameAllocator};
use crate::permissions::Permissions;

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    /// Maps a page without more ado, or answers false.
    #[inline]
    pub(super) fn map_page(&mut self, run: Run) -> bool {
        let permissions = run.attributes.permissions;
        if run.area.size() != FRAME_SIZE || permissions.contains(Permissions::EXECUTE) {
            return false;
        }
        let Some(Pages { table, .. }) = self.pages_of(run.area) else {
            return false;
        };
        let word = word(table, run.area.start(), 0);
        if word.load(Relaxed) != 0 {
            return false;
        }
        word.store(
            F::leaf(run.first, run.attributes, 0) | self.common_bits(),
            Release,
        );
        if permissions.allow_any() {
            self.platform().made_valid(run.area);
        }
        true
    }

    /// Unmaps a page without more ado, if it is valid, not ours, and not the last in its table, or answers false.
    #[inline]
    pub(super) fn unmap_page(&mut self, area: MemoryArea, asid: Asid) -> bool {
        if area.size() != FRAME_SIZE {
            return false;
        }
        let Some(Pages { table, .. }) = self.pages_of(area) else {
            return false;
        };
        let word = word(table, area.start(), 0);
        if word.load(Relaxed) & (F::VALID | F::OWNED) != F::VALID {
            return false;
        }
        let mut leaves = table
            .iter()
            .filter(|word| !is_gone::<F>(word.load(Relaxed)));
        if leaves.nth(1).is_none() {
            return false;
        }
        word.store(0, Relaxed);
        self.flush_leaves(area, asid);
        true
    }

    /// Flushes leaves in `area`, and nothing else.
    #[inline]
    pub(super) fn flush_leaves(&self, area: MemoryArea, asid: Asid) {
        let ranges = [area];
        self.flush(Flush::leaves(self.root_addr(), asid, &ranges));
    }

    /// Flushes, in all spaces where it must be.
    #[inline]
    pub(super) fn flush(&self, flush: Flush<'_>) {
        let flush = if self.is_kernel() {
            flush.global()
        } else {
            flush
        };
        self.platform().flush(&flush);
    }
}
