//! Pages that lead to frames in one piece.

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::attributes::Attributes;

/// Pages in a row that lead to frames in a row, with the same attributes: a request to map, or one leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The pages.
    pub area: MemoryArea,
    /// The frame that the first page leads to.
    pub first: PhysAddr,
    /// The attributes of all the pages.
    pub attributes: Attributes,
}

/// The entry of a page, as a page table answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing.
    Empty,
    /// A valid leaf; the run is all of it, which may be more than the page.
    Leaf(Run),
    /// A leaf without permissions: invalid to the MMU, address kept.
    Hidden(Run),
    /// Nothing, and nothing can be put there yet: what was there waits for its flush. It has been taken out, and is not
    /// retired; or another CPU is replacing it, on an architecture where that takes a flush between (Arm's
    /// break-before-make). Look again when the verb that is at it has ended.
    Busy,
}

impl Run {
    /// Where `addr` leads, or `None` outside the run.
    #[must_use]
    pub fn translate(self, addr: VirtAddr) -> Option<PhysAddr> {
        self.first.checked_add(self.area.offset_of(addr)?)
    }

    /// How far behind its pages its frames are, modulo 2^64. It decides how large leaves can be, and is the same for
    /// all parts of the run.
    pub(crate) const fn distance(&self) -> u64 {
        let start = self.area.start().get() as u64;
        self.first.get().wrapping_sub(start)
    }

    /// Whether `next` begins where this one ends, in virtual and physical memory, with the same attributes.
    pub(crate) fn continues_in(self, next: Self) -> bool {
        self.area.next() == Some(next.area.start())
            && self.first.checked_add(self.area.size()) == Some(next.first)
            && self.attributes == next.attributes
            && self.area.hull(next.area).is_ok()
    }

    /// The part of it that lies in `area`.
    #[must_use]
    pub fn intersection(self, area: MemoryArea) -> Option<Self> {
        let area = self.area.intersection(area)?;
        Some(Self {
            area,
            first: self.translate(area.start())?,
            ..self
        })
    }

    /// The frames.
    #[must_use]
    pub fn pmarea(self) -> Option<MemoryArea<PhysAddr>> {
        MemoryArea::from_start_size(self.first, self.area.size()).ok()
    }
}
