//! The frames of a space that faults: counted where pages have several owners.

use kernel_vm::{Counted, Frame, FrameAllocator, Platform};

use crate::pages::Frames;

/// Where the frames of a space come from. Both sides pay the same for them.
pub(crate) trait Source: Platform + Sized + 'static {
    fn new() -> Self;
}

impl Source for Frames {
    fn new() -> Self {
        Self
    }
}

/// Leaked, with the counts.
impl Source for &'static Counted<Frames> {
    fn new() -> Self {
        let (base, count) = Frames.tables();
        let counts = (0..count).map(|_| 0.into()).collect::<Vec<_>>().leak();
        Box::leak(Box::new(Counted::new(Frames, base, counts)))
    }
}

/// A frame that all pages of a space may share.
pub(crate) fn alloc(platform: &impl FrameAllocator) -> Frame {
    platform.alloc().expect("the arena is larger")
}
