//! What kind of free place is looked for.

use crate::area::MemoryArea;

/// A search for a free area: how large, where, how aligned, and which of those that fit.
///
/// ```
/// use kernel_vm::{FreeSearch, MemoryArea, VirtAddr};
///
/// const MIB: usize = 1 << 20;
/// let within = MemoryArea::from_start_size(VirtAddr::new(0), 1 << 30)?;
/// // 2 MiB and a page, as high as there is room, 4 KiB behind a multiple of 2 MiB.
/// let search = FreeSearch::new(2 * MIB + 4096, within).aligned(2 * MIB, 4096).highest();
/// # let _ = search;
/// # Ok::<(), kernel_vm::AreaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a search finds nothing until it is given to `find_free`"]
pub struct FreeSearch {
    pub(crate) size: usize,
    pub(crate) within: MemoryArea,
    pub(crate) align: usize,
    pub(crate) offset: usize,
    pub(crate) order: Order,
}

/// Which of the places that fit is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Lowest,
    Highest,
}

impl FreeSearch {
    /// `size` bytes in `within`, page-aligned, as low as there is room.
    pub const fn new(size: usize, within: MemoryArea) -> Self {
        Self {
            size,
            within,
            align: 1,
            offset: 0,
            order: Order::Lowest,
        }
    }

    /// At an address that is `offset` more than a multiple of `align`, a power of two, both in bytes: as ELF segments
    /// and superpages want it. Less than a page means a page.
    pub const fn aligned(mut self, align: usize, offset: usize) -> Self {
        self.align = align;
        self.offset = offset;
        self
    }

    /// As high as there is room (top-down).
    pub const fn highest(mut self) -> Self {
        self.order = Order::Highest;
        self
    }
}
