//! The edits of a verb before the one that is counted.
//!
//! They have not been made yet, so the page table does not show them. This value keeps as much of them as a count
//! needs: the end of the last run, the hull of all unmaps, and the borders of those.
//!
//! ```text
//!  unmap             ░░░░░░░░░░░░░░░░░░
//!  borders           ▲                 ▲
//!  leaf          │       split     │      split      │
//! ```
//!
//! A border in the middle of a leaf is where a table is made. A later edit finds it there, unless all of the leaf's
//! pages wait for a flush and the table goes with them.

use crate::addr::VirtAddr;
use crate::area::MemoryArea;

/// The edits of a verb before the one that is counted, as far as its need of tables goes.
#[derive(Clone, Copy)]
pub(super) struct EarlierEdits {
    /// The last byte of the last run, if nothing was unmapped since. Tables that hold it have been counted.
    last: Option<VirtAddr>,
    /// The hull of all unmaps: leaves in there may be gone. Tables stay, or come back when they are wanted again,
    /// unless entries in them wait.
    unmapped: Option<MemoryArea>,
    /// Whether entries in `unmapped` wait for their flush; `None` until it was found out. They are flushed before
    /// anything else is mapped there, and tables that nothing else is in are given back.
    waits: Option<bool>,
    /// The borders of the unmaps, where leaves may be split. A border that does not fit is forgotten: its table is
    /// counted once more.
    borders: [Option<VirtAddr>; BORDERS],
}

/// The number of borders that three unmaps have: no verb makes more.
const BORDERS: usize = 6;

impl EarlierEdits {
    /// No edits.
    pub(super) const NONE: Self = Self {
        last: None,
        unmapped: None,
        waits: Some(false),
        borders: [None; BORDERS],
    };

    /// These edits, and an unmap of `area` behind them.
    pub(super) fn and_unmap(mut self, area: MemoryArea) -> Self {
        let borders = [Some(area.start()), area.next()].into_iter().flatten();
        let free = self.borders.iter_mut().filter(|border| border.is_none());
        for (free, border) in free.zip(borders) {
            *free = Some(border);
        }
        let hull = self.unmapped.map(|unmapped| unmapped.hull(area));
        Self {
            last: None,
            unmapped: Some(hull.and_then(Result::ok).unwrap_or(area)),
            waits: None,
            ..self
        }
    }

    /// Notes a run whose last byte is `last`.
    pub(super) const fn note_map(&mut self, last: VirtAddr) {
        self.last = Some(last);
    }

    /// Asks `waits`, unless that was done since the last unmap, whether entries in the unmapped hull wait.
    pub(super) fn learn_waiting(&mut self, waits: impl FnOnce(MemoryArea) -> bool) {
        if self.waits.is_none() {
            self.waits = Some(self.unmapped.is_some_and(waits));
        }
    }

    /// Whether there are no edits.
    pub(super) const fn is_none(&self) -> bool {
        self.last.is_none() && self.unmapped.is_none()
    }

    /// The unmapped hull, if entries in it wait.
    pub(super) fn waiting(&self) -> Option<MemoryArea> {
        self.unmapped.filter(|_| self.waits == Some(true))
    }

    /// Whether the last run ends in `block`, so that a table for `block` has been counted.
    pub(super) fn holds_last(&self, block: MemoryArea) -> bool {
        self.last.is_some_and(|last| block.contains(last))
    }

    /// Whether a leaf in `block` may be gone.
    pub(super) fn may_unmap(&self, block: MemoryArea) -> bool {
        self.unmapped.is_some_and(|area| area.overlaps(&block))
    }

    /// Whether a leaf for `block` has been split, and its table stays: not all of its pages wait.
    pub(super) fn leaves_cut(&self, block: MemoryArea) -> bool {
        let goes = self.waiting().is_some_and(|area| area.contains_area(block));
        !goes && self.has_cut(block)
    }

    /// Whether a leaf for `block` has been split: a border lies in the middle of it.
    pub(super) fn has_cut(&self, block: MemoryArea) -> bool {
        let borders = self.borders.iter().flatten();
        borders
            .filter(|&&border| border != block.start())
            .any(|&border| block.contains(border))
    }
}
