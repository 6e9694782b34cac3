//! What a page table has cost its platform.

use kernel_vm::backend::PageTableBackend;
use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::radix::{Format, Radix};

/// A backend that counts.
pub(crate) trait Figures: PageTableBackend {
    /// How many frames its tables have; `None` when there are no tables.
    fn table_frames(&self) -> Option<usize>;

    /// How many flushes there were.
    fn flushes(&self) -> usize;
}

impl<F: Format> Figures for Radix<F, HostFrames> {
    fn table_frames(&self) -> Option<usize> {
        Some(self.platform().frames_in_use())
    }

    fn flushes(&self) -> usize {
        self.platform().flushes()
    }
}

impl Figures for MockBackend {
    fn table_frames(&self) -> Option<usize> {
        None
    }

    fn flushes(&self) -> usize {
        Self::flushes(self)
    }
}
