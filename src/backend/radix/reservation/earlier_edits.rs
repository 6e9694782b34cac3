//! What edits of the same verb leave for those behind them, as far as reservations go.

use crate::addr::VirtAddr;
use crate::area::MemoryArea;

/// What the edits before a map leave of what is there now.
#[derive(Clone, Copy)]
pub(crate) struct Before {
    /// The last byte of the run before, if there is one: tables that hold it, and are not there, have been counted.
    pub(crate) last: Option<VirtAddr>,
    /// Where leaves may be gone: what was unmapped, and maybe more. Tables stay, or come back when they are wanted
    /// again, unless they go for good:
    pub(crate) unmapped: Option<MemoryArea>,
    /// The same, if entries in it wait, as those of owned pages do. They are retired before anything else is mapped
    /// there, and with them the tables that nothing else is in.
    pub(crate) retired: Option<MemoryArea>,
    /// Whether that was found out.
    pub(crate) is_known: bool,
    /// Where unmaps have cut leaves, if they have: tables were made for that. What does not fit here is counted anew.
    borders: [Option<VirtAddr>; BORDERS],
}

/// Those of the three unmaps of a verb.
const BORDERS: usize = 6;

impl Before {
    pub(crate) const NOTHING: Self = Self {
        last: None,
        unmapped: None,
        retired: None,
        is_known: true,
        borders: [None; BORDERS],
    };

    /// What it is behind an unmap of `area`.
    pub(crate) fn unmapped(mut self, area: MemoryArea) -> Self {
        let borders = [Some(area.start()), area.next()].into_iter().flatten();
        let free = self.borders.iter_mut().filter(|border| border.is_none());
        for (free, border) in free.zip(borders) {
            *free = Some(border);
        }
        let hull = self.unmapped.map(|unmapped| unmapped.hull(area));
        Self {
            last: None,
            unmapped: Some(hull.and_then(Result::ok).unwrap_or(area)),
            retired: None,
            is_known: false,
            ..self
        }
    }

    /// Whether there is nothing before.
    pub(crate) const fn is_nothing(&self) -> bool {
        self.last.is_none() && self.unmapped.is_none()
    }

    /// Whether the run before ends in `block`, so that a table for that has been counted.
    pub(crate) fn holds_last(&self, block: MemoryArea) -> bool {
        self.last.is_some_and(|last| block.contains(last))
    }

    /// Whether a leaf in `block` may be gone.
    pub(crate) fn may_unmap(&self, block: MemoryArea) -> bool {
        self.unmapped.is_some_and(|area| area.overlaps(&block))
    }

    /// Whether a leaf for `block` has been cut, and so there is a table for its parts: unless all of them are retired.
    pub(crate) fn leaves_cut(&self, block: MemoryArea) -> bool {
        let goes = self.retired.is_some_and(|area| area.contains_area(block));
        !goes && self.has_cut(block)
    }

    /// Whether a leaf for `block` has been cut.
    pub(crate) fn has_cut(&self, block: MemoryArea) -> bool {
        let borders = self.borders.iter().flatten();
        borders
            .filter(|&&border| border != block.start())
            .any(|&border| block.contains(border))
    }
}
