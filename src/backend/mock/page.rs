//! One entry of the mock.

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::backend::run::Run;
use crate::frame::FRAME_SIZE;

/// The size of a page in bytes.
pub(super) const SIZE: usize = FRAME_SIZE;

/// The physical addresses that can be mapped: as a size has to fit in `usize`, they are fewer where that is small.
pub(super) const PHYSICAL: MemoryArea<PhysAddr> = MemoryArea::low_bits(if usize::BITS > 56 {
    56
} else {
    usize::BITS - 1
});

/// Where a page leads, and what it allows.
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
    /// Whether the MMU may use it.
    pub(super) const fn is_valid(self) -> bool {
        self.attributes.permissions.allow_any()
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
