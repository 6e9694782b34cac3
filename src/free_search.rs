//! A search for a free place.

use crate::area::MemoryArea;

/// A search for a free area: how large, where, how aligned, and which of the places that fit.
///
/// It is a value that says nothing of a space; [`find_free`] answers it, and so does [`find_free_from`] with a hint.
///
/// ```
/// use kernel_vm::backend::mock::NoPageTable;
/// use kernel_vm::{FreeSearch, MemoryArea, VirtAddr, VirtualMemoryManager};
///
/// const MIB: usize = 1 << 20;
/// let space = VirtualMemoryManager::new(NoPageTable::new());
/// let within = MemoryArea::from_start_size(VirtAddr::new(0), 1024 * MIB)?;
/// // 2 MiB and a page, as high as there is room, 4 KiB behind a multiple of 2 MiB.
/// let search = FreeSearch::new(2 * MIB + 4096, within).aligned(2 * MIB, 4096).highest();
/// let start = space.find_free(search).map(MemoryArea::start);
/// assert_eq!(start, Some(VirtAddr::new(1020 * MIB + 4096)));
/// # Ok::<(), kernel_vm::AreaError>(())
/// ```
///
/// [`find_free`]: crate::VirtualMemoryManager::find_free
/// [`find_free_from`]: crate::VirtualMemoryManager::find_free_from
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a search finds nothing until it is given to `find_free`"]
pub struct FreeSearch {
    /// The size of the area in bytes.
    pub(crate) size: usize,
    /// The window in which all of the area must lie.
    pub(crate) within: MemoryArea,
    /// The alignment in bytes. 1 until one is asked for: the manager takes a page for less than a page.
    pub(crate) align: usize,
    /// How many bytes behind a multiple of the alignment the area starts.
    pub(crate) offset: usize,
    /// The end of the window at which the search begins.
    pub(crate) order: Order,
}

/// The end of the window at which a search begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Lowest,
    Highest,
}

impl FreeSearch {
    /// A search for `size` bytes in `within`, page-aligned, as low as there is room. O(1), checks nothing.
    ///
    /// A size that is 0 or not whole pages finds nothing.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::NoPageTable, *};
    /// let space = VirtualMemoryManager::new(NoPageTable::new());
    /// let within = MemoryArea::from_start_size(VirtAddr::new(0x1234), 1 << 20)?;
    /// let free = space.find_free(FreeSearch::new(0x3000, within));
    /// assert_eq!(free.map(MemoryArea::start), Some(VirtAddr::new(0x2000)));
    /// # Ok::<(), AreaError>(())
    /// ```
    pub const fn new(size: usize, within: MemoryArea) -> Self {
        Self {
            size,
            within,
            align: 1,
            offset: 0,
            order: Order::Lowest,
        }
    }

    /// Asks for an address that is `offset` more than a multiple of `align`, as ELF segments and superpages want it.
    /// O(1).
    ///
    /// Both are in bytes. An `align` that is no power of two finds nothing, nor does an `offset` of no whole pages. An
    /// `align` of less than a page means a page.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::NoPageTable, *};
    /// let space = VirtualMemoryManager::new(NoPageTable::new());
    /// let search = FreeSearch::new(0x1000, MemoryArea::from_start_size(VirtAddr::new(0), 1 << 30)?);
    /// let start = |search| space.find_free(search).map(MemoryArea::start);
    /// assert_eq!(start(search.aligned(1 << 21, 0x3000)), Some(VirtAddr::new(0x3000)));
    /// assert_eq!(start(search.aligned(12345, 0)), None);
    /// # Ok::<(), AreaError>(())
    /// ```
    pub const fn aligned(mut self, align: usize, offset: usize) -> Self {
        self.align = align;
        self.offset = offset;
        self
    }

    /// Asks for the highest place in the window (top-down), and not for the lowest. O(1).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::NoPageTable, *};
    /// let space = VirtualMemoryManager::new(NoPageTable::new());
    /// let search = FreeSearch::new(0x1000, MemoryArea::from_start_size(VirtAddr::new(0), 0x8000)?);
    /// let start = |search| space.find_free(search).map(MemoryArea::start);
    /// assert_eq!(start(search), Some(VirtAddr::new(0)));
    /// assert_eq!(start(search.highest()), Some(VirtAddr::new(0x7000)));
    /// # Ok::<(), AreaError>(())
    /// ```
    pub const fn highest(mut self) -> Self {
        self.order = Order::Highest;
        self
    }
}
