//! Address spaces as this kernel has them: what owns the memory behind a map, and the names for it all.

use kernel_vm::{Frame, Payload, VirtualMemoryManager};

use crate::frames;
use crate::mode::PageTable;

pub type Space = VirtualMemoryManager<PageTable, Memory>;

/// What a map keeps: the frame that it shows, or nothing, where the memory is nobody's to give back.
///
/// kernel-vm drops it when no hart can reach the frame any more, and so gives it back at the right moment.
#[derive(Debug)]
pub struct Memory(Option<Frame>);

impl Memory {
    /// Memory that stays: the image, the direct map.
    pub const STAYS: Self = Self(None);

    /// A map of one page that shows this frame.
    pub fn page(frame: Frame) -> Self {
        Self(Some(frame))
    }
}

impl Payload for Memory {
    /// A map with a frame is one page, so it is never cut.
    fn split_at(&mut self, _offset: usize) -> Self {
        Self::STAYS
    }

    fn can_join(&self, _len: usize, right: &Self) -> bool {
        self.0.is_none() && right.0.is_none()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(frame) = self.0.take() {
            frames::release(frame);
        }
    }
}
