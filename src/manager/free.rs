//! Where nothing is mapped.
//!
//! The tree knows the largest gap below each of its nodes, so a search skips whatever cannot hold the size. The
//! backend's ranges are searched one after the other, since no map and no gap crosses their borders.

use super::space::VirtualMemoryManager;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::PageTableBackend;
use crate::free_search::{FreeSearch, Order};
use crate::map::{MapRef, Payload};

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// The lowest area in `within` where `size` bytes can be mapped, at a multiple of `align` bytes.
    ///
    /// An `align` of less than a page means a page. `within` may be any area: only addresses that the backend can map
    /// count. O(log n) for page alignment; for more, and a look at each gap that is large enough but lies wrongly.
    ///
    /// `None` when there is no such place, when `size` is 0 or not whole pages, or when `align` is not a power of two.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let within = MemoryArea::from_start_size(VirtAddr::new(0x1000), 1 << 20)?;
    /// let free = space.find_free_area(0x2000, 0x8000, within);
    /// assert_eq!(free, Some(MemoryArea::from_start_size(VirtAddr::new(0x8000), 0x2000)?));
    /// assert_eq!(space.find_free_area(0x123, 1, within), None); // not whole pages
    /// # Ok::<(), MapError>(())
    /// ```
    #[must_use]
    pub fn find_free_area(
        &self,
        size: usize,
        align: usize,
        within: MemoryArea,
    ) -> Option<MemoryArea> {
        self.find_free(FreeSearch::new(size, within).aligned(align, 0))
    }

    /// The free area that `search` describes: the lowest or the highest, aligned with an offset.
    ///
    /// O(log n) for page alignment; for more, and a look at each gap that is large enough but lies wrongly.
    ///
    /// `None` when there is no such place, when size or offset are not whole pages, when the size is 0, or when the
    /// alignment is not a power of two.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let within = MemoryArea::from_start_size(VirtAddr::new(0), 1 << 20)?;
    /// let free = space.find_free(FreeSearch::new(0x2000, within).highest());
    /// assert_eq!(free, Some(MemoryArea::from_start_size(VirtAddr::new(0xf_e000), 0x2000)?));
    /// # Ok::<(), MapError>(())
    /// ```
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

    /// The free area that `search` describes, from `hint` on, as `mmap` takes a hint.
    ///
    /// The area lies at the hint or above when the lowest is wanted, below it when the highest is. Where there is none,
    /// the whole window counts. O(log n) for page alignment; for more, and a look at each gap that is large enough but
    /// lies wrongly.
    ///
    /// `None` when there is no such place in the window, when size or offset are not whole pages, when the size is 0,
    /// or when the alignment is not a power of two.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let search = FreeSearch::new(0x1000, MemoryArea::from_start_size(VirtAddr::new(0), 1 << 20)?);
    /// let at = |hint| space.find_free_from(VirtAddr::new(hint), search).map(MemoryArea::start);
    /// assert_eq!(at(0x2000), Some(VirtAddr::new(0x4000))); // behind the map
    /// assert_eq!(at(1 << 20), Some(VirtAddr::new(0))); // nothing above: the whole window
    /// # Ok::<(), MapError>(())
    /// ```
    #[must_use]
    pub fn find_free_from(&self, hint: VirtAddr, search: FreeSearch) -> Option<MemoryArea> {
        let window = search.within;
        // An area that ends below its start is none: then nothing is near the hint, and the window counts.
        let side = match search.order {
            Order::Lowest => MemoryArea::new(hint, window.end()),
            Order::Highest => MemoryArea::new(window.start(), hint.checked_sub(1).unwrap_or(hint)),
        };
        let side = side.ok().and_then(|side| side.intersection(window));
        let near = side.and_then(|within| self.find_free(FreeSearch { within, ..search }));
        near.or_else(|| self.find_free(search))
    }

    /// The holes in `area`, in address order: addresses that the backend can map and no map has.
    ///
    /// O(log n), and O(1) a map. Holes end at the borders of `area` and of the backend's ranges, page-aligned or not.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let area = MemoryArea::from_start_size(VirtAddr::new(0), 0x8000)?;
    /// let holes: Vec<_> = space.holes(area).map(MemoryArea::size).collect();
    /// assert_eq!(holes, [0x1000, 0x4000]); // before and behind the map
    /// # Ok::<(), MapError>(())
    /// ```
    pub fn holes(&self, area: MemoryArea) -> impl Iterator<Item = MemoryArea> {
        let windows = self
            .backend
            .ranges()
            .iter()
            .filter_map(move |range| range.intersection(area));
        windows.flat_map(|window| {
            let mut maps = self.memory_maps_in(window).map(MapRef::vmarea);
            // Where the next hole may begin: behind the map before; `None` past the last address.
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

    /// The largest hole in `area`, of whole pages, or `None` where no page is free. The lowest of several.
    ///
    /// O(log n × log size): it halves the size until it fits.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let area = MemoryArea::from_start_size(VirtAddr::new(0), 0x8000)?;
    /// let hole = MemoryArea::from_start_size(VirtAddr::new(0x4000), 0x4000)?;
    /// assert_eq!(space.largest_hole(area), Some(hole));
    /// # Ok::<(), MapError>(())
    /// ```
    #[must_use]
    pub fn largest_hole(&self, area: MemoryArea) -> Option<MemoryArea> {
        let fit = |pages: usize| self.find_free_area(pages.checked_mul(B::PAGE_SIZE)?, 1, area);
        // Between a number of pages that is known to fit and one that may: each step halves the distance.
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
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// assert!(!space.is_free(area));
    /// assert!(space.is_free(MemoryArea::from_start_size(VirtAddr::new(0x4000), 0x1000)?));
    /// # Ok::<(), MapError>(())
    /// ```
    #[must_use]
    pub fn is_free(&self, area: MemoryArea) -> bool {
        self.backend
            .ranges()
            .iter()
            .any(|range| range.contains_area(area))
            && self.tree.first_overlap(area).is_none()
    }
}
