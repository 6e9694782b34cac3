//! Pages in a row.

use arbitrary::{Arbitrary, Result, Unstructured};
use kernel_vm::MemoryArea;
use kernel_vm_fuzz::{PAGE, area, log_scaled};

/// Enough for two levels of inner nodes.
pub const PAGES: usize = 4096;

#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub first: usize,
    pub count: usize,
}

impl Span {
    pub fn area(self) -> MemoryArea {
        area(self.first * PAGE, self.count * PAGE)
    }

    pub fn pages(self) -> core::ops::Range<usize> {
        self.first..self.first + self.count
    }

    /// As many pages, or as many as there are, from `first` on.
    pub fn at(first: usize, count: usize) -> Self {
        let count = count.min(PAGES - first);
        Self { first, count }
    }
}

impl<'a> Arbitrary<'a> for Span {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self::at(page(bytes)?, log_scaled(bytes, 10)?))
    }
}

pub fn page(bytes: &mut Unstructured<'_>) -> Result<usize> {
    bytes.int_in_range(0..=PAGES - 1)
}
