//! The leaves of an area, as they will be at another.

use super::used::Used;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::leaves::LeafPart;
use crate::backend::run::Run;
use crate::platform::Platform;

/// A move of all that one area has to another of its size.
#[derive(Clone, Copy)]
pub(crate) struct Relocation {
    pub(crate) from: MemoryArea,
    pub(crate) to: MemoryArea,
}

impl Relocation {
    /// The place in `to` of `old`, a part of `from`.
    fn forth(self, old: MemoryArea) -> Option<MemoryArea> {
        let start = self.to.at(self.from.offset_of(old.start())?)?;
        MemoryArea::from_start_size(start, old.size()).ok()
    }

    /// The place in `from` of `new`, a part of `to`.
    pub(super) fn back(self, new: MemoryArea) -> Option<MemoryArea> {
        let start = self.from.at(self.to.offset_of(new.start())?)?;
        MemoryArea::from_start_size(start, new.size()).ok()
    }
}

/// A run that is to be mapped elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Moved {
    /// The run at its new place.
    pub(crate) run: Run,
    /// The use of its leaves until now.
    pub(super) used: Used,
    /// The old place, if it is a page whose frame is the page table's own.
    pub(super) page: Option<VirtAddr>,
}

impl Moved {
    fn new<F: Format>(leaf: LeafPart<'_>, relocation: Relocation) -> Option<Self> {
        let area = relocation.forth(leaf.run.area)?;
        let page = leaf.run.area.start();
        Some(Self {
            run: Run { area, ..leaf.run },
            used: Used::of::<F>(leaf.word),
            page: (leaf.word & F::OWNED != 0).then_some(page),
        })
    }

    /// Whether `next` goes into one run with this one: both map physical memory, and it continues.
    fn takes_in(&self, next: &Self) -> bool {
        self.page.is_none() && next.page.is_none() && self.run.continues_in(next.run)
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// The leaves of the area that is moved, as they will be at the new one, in address order. O(leaves + tables).
    ///
    /// Physical memory that continues is one run, so that a leaf may grow where it goes. Pages with frames of the page
    /// table's own go one by one.
    pub(in crate::backend::radix) fn moved(
        &self,
        relocation: Relocation,
    ) -> impl Iterator<Item = Moved> {
        let moved = move |leaf| Moved::new::<F>(leaf, relocation);
        let mut leaves = self.leaves(relocation.from).filter_map(moved).peekable();
        core::iter::from_fn(move || {
            let mut moved = leaves.next()?;
            while let Some(next) = leaves.next_if(|next| moved.takes_in(next)) {
                let hull = moved.run.area.hull(next.run.area);
                moved.run.area = hull.unwrap_or(moved.run.area);
                moved.used = moved.used | next.used;
            }
            Some(moved)
        })
    }
}
