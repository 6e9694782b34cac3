//! One entry of the mock, and the arithmetic of pages.

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::backend::run::Run;
use crate::frame::FRAME_SIZE;

/// The size in bytes of a page of the mocks.
pub(super) const SIZE: usize = FRAME_SIZE;

/// The physical addresses that can be mapped: 56 bits of them.
///
/// An area's size has to fit in `usize`, so there are fewer where a pointer has 32 bits.
pub(super) const PHYSICAL: MemoryArea<PhysAddr> = MemoryArea::low_bits(if usize::BITS > 56 {
    56
} else {
    usize::BITS - 1
});

/// The entry of one page: the frame that the page leads to, and its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) first: PhysAddr,
    pub(super) attributes: Attributes,
}

/// The number of the page that holds `addr`.
pub(super) const fn number(addr: VirtAddr) -> usize {
    addr.get() / SIZE
}

/// The bytes of the page with this number.
pub(super) const fn area(number: usize) -> MemoryArea {
    MemoryArea::block(VirtAddr::new(number.wrapping_mul(SIZE)), SIZE)
}

impl Page {
    /// Whether the MMU may use the entry. One that allows nothing is hidden: it is there, and no TLB caches it.
    pub(super) const fn is_valid(self) -> bool {
        self.attributes.permissions.allow_any()
    }

    /// The entry of the one page that `run` has.
    pub(super) const fn of(run: Run) -> Self {
        Self {
            first: run.first,
            attributes: run.attributes,
        }
    }

    /// The page with this number as a run.
    pub(super) const fn run(self, number: usize) -> Run {
        Run {
            area: area(number),
            first: self.first,
            attributes: self.attributes,
        }
    }
}
