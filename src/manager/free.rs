//! Where nothing is mapped.

use super::space::VirtualMemoryManager;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::PageTableBackend;
use crate::free_search::{FreeSearch, Order};
use crate::map::{MapRef, Payload};

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// The lowest area in `within` where `size` bytes can be mapped, at a multiple of `align` bytes (less than a page
    /// means a page). `None` when there is no such place, when `size` is 0 or not whole pages, or when `align` is not
    /// a power of two. `within` may be any area: only what the backend can map counts.
    ///
    /// O(log n) for page alignment; for more, and a look at each gap that is large enough but lies wrongly.
    #[must_use]
    pub fn find_free_area(
        &self,
        size: usize,
        align: usize,
        within: MemoryArea,
    ) -> Option<MemoryArea> {
        self.find_free(FreeSearch::new(size, within).aligned(align, 0))
    }

    /// The free area that `search` describes: lowest or highest, aligned with an offset. `None` also when the offset is
    /// not whole pages; otherwise as [`find_free_area`](Self::find_free_area), and at its cost.
    #[must_use]
    pub fn find_free(&self, search: FreeSearch) -> Option<MemoryArea> {
        let FreeSearch {
            size,
            within,
            align,
            offset,
            order,
        } = search;
        if size == 0
            || size % B::PAGE_SIZE != 0
            || offset % B::PAGE_SIZE != 0
            || !align.is_power_of_two()
        {
            return None;
        }
        let align = align.max(B::PAGE_SIZE);
        let find = |range: &MemoryArea| {
            let within = range.intersection(within)?;
            self.tree.find_free(FreeSearch {
                within,
                align,
                ..search
            })
        };
        let mut ranges = self.backend.ranges().iter();
        match order {
            Order::Lowest => ranges.find_map(find),
            Order::Highest => ranges.rev().find_map(find),
        }
    }

    /// The free area that `search` describes, from `hint` on: at it or above when the lowest is wanted, below when the
    /// highest is. Where there is none, the whole window counts. As [`find_free`](Self::find_free), and at its cost.
    #[must_use]
    pub fn find_free_from(&self, hint: VirtAddr, search: FreeSearch) -> Option<MemoryArea> {
        let window = search.within;
        let side = match search.order {
            Order::Lowest => MemoryArea::new(hint, window.end()),
            Order::Highest => MemoryArea::new(window.start(), hint.checked_sub(1).unwrap_or(hint)),
        };
        let side = side.ok().and_then(|side| side.intersection(window));
        let near = side.and_then(|within| self.find_free(FreeSearch { within, ..search }));
        near.or_else(|| self.find_free(search))
    }

    /// The holes in `area`, in address order: what the backend can map and no map has. O(log n), and O(1) a map.
    pub fn holes(&self, area: MemoryArea) -> impl Iterator<Item = MemoryArea> {
        let windows = self
            .backend
            .ranges()
            .iter()
            .filter_map(move |range| range.intersection(area));
        windows.flat_map(|window| {
            let mut maps = self.memory_maps_in(window).map(MapRef::vmarea);
            let mut free = Some(window.start());
            core::iter::from_fn(move || {
                loop {
                    let start = free.filter(|&start| start <= window.end())?;
                    let map = maps.next();
                    free = map.and_then(MemoryArea::next);
                    let end = map.map_or(Some(window.end()), |map| map.start().checked_sub(1));
                    let hole = end.and_then(|end| MemoryArea::new(start, end).ok());
                    if hole.is_some() {
                        return hole;
                    }
                }
            })
        })
    }

    /// The largest hole in `area`, of whole pages; the lowest of those. O(log n × log size).
    #[must_use]
    pub fn largest_hole(&self, area: MemoryArea) -> Option<MemoryArea> {
        let fit = |pages: usize| self.find_free_area(pages.checked_mul(B::PAGE_SIZE)?, 1, area);
        let (mut fits, mut most) = (0, area.size() / B::PAGE_SIZE);
        while fits < most {
            let pages = most - (most - fits) / 2;
            match fit(pages) {
                Some(_) => fits = pages,
                None => most = pages - 1,
            }
        }
        fit(fits)
    }

    /// Whether `area` is free to be mapped: the backend can map all of it, and no map has a byte there. O(log n).
    #[must_use]
    pub fn is_free(&self, area: MemoryArea) -> bool {
        self.backend
            .ranges()
            .iter()
            .any(|range| range.contains_area(area))
            && self.tree.first_overlap(area).is_none()
    }
}
